// Package demo shows what Steno does, on one machine, without an account and
// without a network: a meeting of three people in the lab, a server, a bot sent
// through the API, a kill in the middle, a calendar whose next meeting is moved
// and whose bot follows, and a look at what came out.
//
// It uses Steno as a customer would: through processes, HTTP and webhooks. It
// knows the truth of the meeting only to measure the recording against it.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"steno/internal/record/journal"
	"steno/lab"
)

// Options says how to run the demo.
type Options struct {
	Binary string        // the steno program
	Out    string        // folder for the results; made if needed
	Length time.Duration // of the conversation
	Mode   string        // recording mode
	W      io.Writer     // where to show what happens
}

// show is one run of the demo.
type show struct {
	Options
	*screen
	lab     *lab.Server
	meeting *lab.Meeting
	hooks   *Receiver
	stage   *Stage
	meter   *Meter
	agenda  *Agenda
	visit   *visit // once the calendar's meeting is recorded
	bot     string
	killed  time.Time
	back    time.Time
	states  []string
	final   string
	said    []Utterance // told live
	journal []journal.Entry
}

// Files in Out.
const (
	videoFile = "video.mp4"
	audioFile = "output.flac"
	turnsFile = "diarization.jsonl"
	textFile  = "transcript.txt"
	saidFile  = "output_transcription.json"
	pageFile  = "index.html"
)

// Run runs the demo. Whatever happens, it leaves no process behind; results
// are in Out.
func Run(ctx context.Context, o Options) (err error) {
	s := &show{Options: o, screen: newScreen(o.W)}
	if err := os.MkdirAll(o.Out, 0o755); err != nil {
		return fmt.Errorf("make the folder for the results: %w", err)
	}
	data, err := os.MkdirTemp("", "steno-demo-")
	if err != nil {
		return fmt.Errorf("make a data folder: %w", err)
	}
	defer func() {
		err = errors.Join(err, s.close())
		if err == nil {
			err = os.RemoveAll(data)
		} else {
			fmt.Fprintf(o.W, "what the server kept is in %s\n", data)
		}
	}()
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return s.set(ctx, data) },
		s.send, s.watch, s.attend, s.collect,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// set starts the lab, the receiver and the server.
func (s *show) set(ctx context.Context, data string) error {
	s.say("opening a meeting with three people in the lab")
	var err error
	if s.lab, err = lab.Start(ctx, lab.Options{Listen: "127.0.0.1:0"}); err != nil {
		return err
	}
	if s.meeting, err = s.lab.Open(ctx, lab.Conversation("abc-defg-hij", 3, s.Length)); err != nil {
		return err
	}
	if s.hooks, err = NewReceiver(); err != nil {
		return err
	}
	if s.agenda, err = NewAgenda(); err != nil {
		return err
	}
	s.say("starting a server on an empty folder")
	s.stage, err = NewStage(ctx, StageOptions{
		Binary: s.Binary, Data: data, Pushed: true,
		Env: append(s.agenda.Env(), "STENO_LAB_HOST="+s.lab.Host(), "STENO_ALLOW_PRIVATE_TARGETS=127.0.0.0/8"),
	})
	if err != nil {
		return err
	}
	secret, err := s.stage.Command(ctx, "webhook", "add", s.hooks.URL())
	if err != nil {
		return err
	}
	if err := s.hooks.Trust(secret); err != nil {
		return err
	}
	return s.stage.Start(ctx)
}

// send sends the bot by one API call.
func (s *show) send(ctx context.Context) error {
	s.say("POST %s/v2/bots  {\"meeting_url\": %q}", s.stage.Base, s.meeting.URL())
	id, err := s.stage.CreateBot(ctx, map[string]any{
		"bot_name": "Steno demo", "meeting_url": s.meeting.URL(), "recording_mode": s.Mode,
		// The meeting's own captions: no account is needed.
		"live_transcript":       map[string]any{"provider": "captions", "webhook": true},
		"transcription_enabled": true, "transcription_config": map[string]any{"provider": "captions"},
		"extra": map[string]any{"demo": true},
	})
	if err != nil {
		return err
	}
	s.bot = id
	s.meter = NewMeter(500*time.Millisecond, func() (int, error) { return s.stage.BotPID(id) })
	go s.meter.Run(ctx)
	return nil
}

// lastWords is how long the meeting goes on when all is said: captions are late.
const lastWords = 5 * time.Second

// watch follows the bot until its final webhook. In the middle of the
// conversation it kills the bot, and after the last word it ends the meeting.
func (s *show) watch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.Length+2*time.Minute)
	defer cancel()
	defer s.clear()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var over <-chan time.Time // the meeting
	said := make(chan error, 1)
	go func() { said <- s.meeting.WaitAllSaid(ctx) }()
	for s.final == "" {
		select {
		case <-ctx.Done():
			return fmt.Errorf("the bot did not finish: %w; the server says:\n%s", ctx.Err(), s.stage.Log())
		case e := <-s.hooks.Events():
			s.hear(e)
		case err := <-said:
			if err != nil {
				return err
			}
			said, over = nil, time.After(lastWords)
		case <-over:
			s.say("everything is said; the host ends the meeting")
			s.meeting.End()
			over = nil
		case <-tick.C:
			if err := s.tick(); err != nil {
				return err
			}
		}
	}
	if s.final != "bot.completed" {
		return fmt.Errorf("the bot ended with %s; the server says:\n%s", s.final, s.stage.Log())
	}
	return nil
}

func (s *show) hear(e Event) {
	var data struct {
		Status struct {
			Code string `json:"code"`
		} `json:"status"`
	}
	_ = json.Unmarshal(e.Body, &data)
	switch e.Type {
	case "bot.status_change":
		s.states = append(s.states, data.Status.Code)
		s.say("webhook, signature good: %s", data.Status.Code)
	case "bot.transcript":
		var told struct{ Utterance Utterance }
		_ = json.Unmarshal(e.Body, &told)
		s.said = append(s.said, told.Utterance)
		s.say("%s: %s", told.Utterance.Speaker, told.Utterance.Text)
	default:
		s.final = e.Type
		s.say("webhook, signature good: %s", e.Type)
	}
}

func (s *show) tick() error {
	s.look()
	begin := s.meeting.Truth().BeginUS
	if begin == 0 {
		return nil
	}
	done := time.Since(time.UnixMicro(begin))
	if s.killed.IsZero() && done > s.Length/2 {
		pid, err := s.stage.BotPID(s.bot)
		if err != nil {
			return err
		}
		s.killed = time.Now()
		s.say("kill -9 %d (the bot)", pid)
		return syscall.Kill(pid, syscall.SIGKILL)
	}
	if !s.killed.IsZero() && s.back.IsZero() && len(s.meeting.State().InCall) > 0 && s.rejoined() {
		s.back = time.Now()
		s.say("the bot is back in the meeting after %.1f s, in the same recording", s.back.Sub(s.killed).Seconds())
	}
	cpu, peak := s.meter.Total()
	s.progress(done, s.Length, fmt.Sprintf("%s  %.1f s CPU, %d MB", last(s.states), cpu.Seconds(), peak>>20))
	return nil
}

// rejoined tells whether a second guest has media: the lab counts each visit.
func (s *show) rejoined() bool {
	n := 0
	for _, g := range s.meeting.Truth().Guests {
		if g.MediaUS > 0 {
			n++
		}
	}
	return n > 1
}

// collect downloads the artifacts through their signed URLs.
func (s *show) collect(ctx context.Context) error {
	d, err := s.stage.Bot(ctx, s.bot)
	if err != nil {
		return err
	}
	for name, link := range map[string]*string{videoFile: d.Video, audioFile: d.Audio, turnsFile: d.Diarization, saidFile: d.Transcription} {
		if link == nil {
			continue
		}
		if err := s.stage.Download(ctx, *link, filepath.Join(s.Out, name)); err != nil {
			return err
		}
	}
	voices := map[string]string{}
	for i, v := range d.ParticipantAudio {
		name := fmt.Sprintf("participant-%d.opus", i+1)
		if err := s.stage.Download(ctx, v.URL, filepath.Join(s.Out, name)); err != nil {
			return err
		}
		voices[v.Name] = name
	}
	return s.report(ctx, d, voices)
}

func (s *show) close() error {
	var errs []error
	if s.stage != nil {
		if s.bot != "" {
			if pid, err := s.stage.BotPID(s.bot); err == nil && s.final == "" {
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
		errs = append(errs, s.stage.Stop())
	}
	if s.agenda != nil {
		s.agenda.Close()
	}
	if s.hooks != nil {
		errs = append(errs, s.hooks.Close())
	}
	if s.lab != nil {
		errs = append(errs, s.lab.Close())
	}
	return errors.Join(errs...)
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}
