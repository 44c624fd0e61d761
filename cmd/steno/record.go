package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/config"
	"steno/internal/ident"
	"steno/internal/meeting"
	"steno/internal/platform/pack"
	"steno/internal/record/journal"
	"steno/internal/runtime/session"
)

// workFolder is the bot's folder within that of the recording. It goes when
// all is done.
const workFolder = ".steno"

type recordCmd struct {
	URL    string `arg:"" optional:"" help:"The meeting's address."`
	Resume string `placeholder:"DIR" help:"Finish a recording that was cut off, without going to the meeting."`

	Name         string        `default:"Steno" help:"The bot's name in the meeting."`
	Mode         string        `enum:"speaker_view,gallery_view,audio_only" default:"speaker_view" help:"What to record: ${enum}."`
	Engine       string        `enum:",tracks,screen" default:"" help:"How to record: tracks takes what participants send, screen films the page (needs Xvfb and PulseAudio); without it as the platform needs."`
	Profile      string        `placeholder:"DIR" help:"Signed-in browser profile to join with (a folder of steno profile), instead of as a guest."`
	Out          string        `short:"o" placeholder:"DIR" help:"Folder for the recording; a new one if not given."`
	EntryMessage string        `help:"Message to post in the meeting's chat after joining."`
	Captions     bool          `help:"Switch the meeting's own captions on and keep them, for steno transcribe --transcription-service captions."`
	MaxDuration  time.Duration `default:"4h" help:"Stop recording after this time."`

	WaitingRoomTimeout  time.Duration `default:"10m" help:"How long to wait to be let in."`
	NoOneJoinedTimeout  time.Duration `default:"10m" help:"How long to wait alone for others."`
	SilenceTimeout      time.Duration `default:"10m" help:"Leave when nobody was heard for this time."`
	EveryoneLeftTimeout time.Duration `default:"1m" help:"How long to stay when all others have left."`

	config.Hosts   `embed:""`
	config.Tools   `embed:""`
	config.Targets `embed:""`
}

// Run records one meeting, or finishes a recording that was cut off.
func (c *recordCmd) Run(ctx context.Context) error {
	out, err := c.prepare()
	if err != nil {
		return err
	}
	work := filepath.Join(out, workFolder)
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	logFile, err := os.OpenFile(filepath.Join(work, "bot.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer logFile.Close()

	ctx, quit := context.WithCancel(context.WithoutCancel(ctx)) // signals are dealt with here
	defer quit()
	leave := interrupts(ctx, quit)
	shown := show(ctx, work, os.Stdout)
	err = session.Run(ctx, session.Options{
		Folder: work, Finalise: c.Resume != "", Tools: session.Live(program), Leave: leave,
		Clock: clock.System{}, Log: slog.New(slog.NewJSONHandler(logFile, nil)), Version: version,
	})
	shown()
	if ctx.Err() != nil {
		return fmt.Errorf("stopped; to make files of what was recorded, run: steno record --resume %s", out)
	}
	if err != nil {
		return err
	}
	return deliver(out, os.Stdout)
}

// prepare returns the folder of the recording, with the bot's folder in it.
func (c *recordCmd) prepare() (string, error) {
	if c.Resume != "" {
		if _, err := os.Stat(filepath.Join(c.Resume, workFolder, session.SpecFile)); err != nil {
			return "", fmt.Errorf("%s holds no unfinished recording", c.Resume)
		}
		return c.Resume, nil
	}
	if c.URL == "" {
		return "", errors.New("which meeting? Give its URL, or --resume DIR")
	}
	m, err := meeting.Parse(c.URL, c.Meetings())
	if err != nil {
		return "", err
	}
	out := c.Out
	if out == "" {
		out = freshFolder(m.Key, clock.System{}.Now())
	}
	work := filepath.Join(out, workFolder)
	if old, err := session.ReadSpec(work); err == nil {
		if old.URL != m.Page {
			return "", fmt.Errorf("%s holds an unfinished recording of another meeting; finish it with: steno record --resume %s", out, out)
		}
		return out, nil // goes on where it was cut off
	}
	spec, err := c.spec(m)
	if err != nil {
		return "", err
	}
	return out, session.WriteSpec(work, spec)
}

func (c *recordCmd) spec(m meeting.Meeting) (bot.Spec, error) {
	private, err := c.PrivateTargets()
	if err != nil {
		return bot.Spec{}, err
	}
	override, err := pack.Load(c.Packs, m.Platform)
	if err != nil {
		return bot.Spec{}, err
	}
	spec := bot.Spec{
		BotID: ident.New(), Name: c.Name, Platform: m.Platform, URL: m.Page, Mode: bot.RecordingMode(c.Mode), Engine: bot.Engine(c.Engine),
		EntryMessage: c.EntryMessage, Captions: c.Captions, Pack: override.Text(), Browser: c.Browser, FFmpeg: c.FFmpeg, InsecureTLS: m.Platform == meeting.Galene && c.GaleneInsecure,
		Timeouts: bot.Timeouts{
			WaitingRoom: c.WaitingRoomTimeout, NoOneJoined: c.NoOneJoinedTimeout, Silence: c.SilenceTimeout,
			EveryoneLeft: c.EveryoneLeftTimeout, MaxRecording: c.MaxDuration,
		},
		Reach: c.Reach(private),
	}
	if c.Profile != "" {
		if spec.Profile, err = filepath.Abs(c.Profile); err != nil {
			return bot.Spec{}, err
		}
		spec.Account = filepath.Base(spec.Profile)
	}
	return spec, nil
}

// freshFolder names a folder for a recording made now: "meet-abcdefghij
// 2026-03-01 1530", without spaces or slashes.
func freshFolder(key string, now time.Time) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, key)
	return safe + "-" + now.Local().Format("20060102-150405")
}

// interrupts makes the first Ctrl-C (or SIGTERM) leave the meeting and the
// second one quit.
func interrupts(ctx context.Context, quit func()) <-chan string {
	leave := make(chan string)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-signals:
			}
			if n > 1 {
				quit()
				return
			}
			fmt.Fprintln(os.Stderr, "\nLeaving the meeting. Once more to quit at once.")
			select {
			case leave <- "terminal":
			case <-ctx.Done():
			}
		}
	}()
	return leave
}

// deliver moves the artifacts out of the bot's folder and says how it went.
func deliver(out string, w io.Writer) error {
	work := filepath.Join(out, workFolder)
	entries, err := journal.Read(work)
	if err != nil {
		return err
	}
	var end journal.End
	var done journal.Done
	var result journal.Result
	var files []string
	var reason string
	for _, e := range entries {
		switch {
		case e.End != nil:
			end = *e.End
			reason = end.Message
		case e.State != nil && e.State.Code == bot.RecordingFailed:
			reason = cmp.Or(e.State.Message, reason)
		case e.Done != nil:
			done = *e.Done
		case e.Result != nil:
			result = *e.Result
		case e.Artifact != nil:
			name, err := moveOut(work, out, e.Artifact.Path)
			if err != nil {
				return err
			}
			files = append(files, name)
		}
	}
	if done.Status != bot.Completed {
		return fmt.Errorf("%s%s; the bot's folder is kept in %s", failureText(done.Code), because(reason), work)
	}
	if err := os.RemoveAll(work); err != nil {
		return fmt.Errorf("clear up: %w", err)
	}
	summary(w, out, files, result, end)
	return nil
}

// moveOut moves a file from the bot's folder to that of the recording, and
// returns its name there.
func moveOut(work, out, path string) (string, error) {
	name := strings.TrimPrefix(path, "out/")
	to := filepath.Join(out, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", fmt.Errorf("deliver: %w", err)
	}
	err := os.Rename(filepath.Join(work, path), to)
	if errors.Is(err, os.ErrNotExist) {
		// Moved by an earlier run that was cut off here.
		if _, serr := os.Stat(to); serr == nil {
			err = nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("deliver: %w", err)
	}
	return name, nil
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// failureText says what an error code means.
func failureText(code bot.EndCode) string {
	texts := map[bot.EndCode]string{
		bot.EndNotAccepted:      "the bot was refused",
		bot.EndTimeoutWaiting:   "the bot was not let in",
		bot.EndWaitingForHost:   "nobody began the meeting",
		bot.EndCannotJoin:       "the meeting cannot be joined",
		bot.EndRemovedTooEarly:  "the bot was removed before anything was recorded",
		bot.EndInvalidURL:       "the meeting URL is wrong",
		bot.EndLoginRequired:    "the meeting asks for an account",
		bot.EndExitBeforeRecord: "left before anything was recorded",
		bot.EndSIGTERM:          "told to end before anything was recorded",
		bot.EndDiskFull:         "the disk is full",
	}
	if t := texts[code]; t != "" {
		return t + " (" + string(code) + ")"
	}
	return "the recording failed (" + string(code) + ")"
}
