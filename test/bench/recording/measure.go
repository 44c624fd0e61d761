package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"steno/demo"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/lab"
)

// filmed is the mode of bots that film their page: one that keeps the encoded
// videos to itself, so that they turn to the screen engine by themselves.
const filmed = "screen"

// result is what the bots of a stage took, together.
type result struct {
	bots          int
	live, compose float64 // CPU seconds per recorded minute
	liveMB, allMB float64
	lost          float64 // percent of the packets of audio or of the pictures, whichever is more
}

// settle is how long the bots record before the measurement begins: by then each of
// the three has spoken, and so has a track.
const settle = 10 * time.Second

// stage is a server with bots of one mode, and their meeting.
type stage struct {
	*demo.Stage
	mode    string
	lab     *lab.Server
	meeting *lab.Meeting
	data    string
	ids     []string
}

func open(ctx context.Context, binary, mode string) (s *stage, err error) {
	fmt.Fprintf(os.Stderr, "measuring %s\n", mode)
	s = &stage{mode: mode}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.lab, err = lab.Start(ctx, lab.Options{}); err != nil {
		return s, err
	}
	sc := lab.Conversation("abc-defg-hij", 3, time.Minute)
	sc.Repeat, sc.OwnVideo = true, mode == filmed
	for i := range sc.People {
		sc.People[i].DTX = false // so that each missing packet can be seen
	}
	if s.meeting, err = s.lab.Open(ctx, sc); err != nil {
		return s, err
	}
	if s.data, err = os.MkdirTemp("", "steno-bench-"); err != nil {
		return s, err
	}
	s.Stage, err = demo.NewStage(ctx, demo.StageOptions{
		Binary: binary, Data: s.data, Env: []string{"STENO_LAB_HOST=" + s.lab.Host()}, Args: []string{"--max-bots", "100"},
	})
	if err != nil {
		return s, err
	}
	return s, s.Start(ctx)
}

// close ends the server and its bots, finished or not.
func (s *stage) close() {
	if s.Stage != nil {
		_ = s.Stop()
		for _, id := range s.ids {
			if pid, err := s.BotPID(id); err == nil {
				if p, err := os.FindProcess(pid); err == nil {
					_ = p.Kill()
				}
			}
		}
	}
	if s.lab != nil {
		s.lab.Close()
	}
	// Browsers die with their bots, but not at once.
	for try := 0; os.RemoveAll(s.data) != nil && try < 50; try++ {
		time.Sleep(100 * time.Millisecond)
	}
}

// send sends one more bot, and returns its id and when it was asked for.
func (s *stage) send(ctx context.Context) (id string, at time.Time, err error) {
	mode := s.mode
	if mode == filmed {
		mode = "speaker_view"
	}
	at = time.Now()
	id, err = s.CreateBot(ctx, map[string]any{
		"bot_name": fmt.Sprintf("Bot %d", len(s.ids)+1), "meeting_url": s.meeting.URL(), "recording_mode": mode,
	})
	if err == nil {
		s.ids = append(s.ids, id)
	}
	return id, at, err
}

// join sends bots until there are n, and waits until each records.
func (s *stage) join(ctx context.Context, n int) error {
	was := len(s.ids)
	for len(s.ids) < n {
		if _, _, err := s.send(ctx); err != nil {
			return err
		}
	}
	for _, id := range s.ids[was:] {
		if _, err := s.until(ctx, id, s.records); err != nil {
			return err
		}
	}
	return nil
}

// records tells that what is to be measured has begun.
func (s *stage) records(e journal.Entry) bool {
	if s.mode == filmed {
		return e.Track != nil && e.Track.ID == screen.TrackID
	}
	return e.Epoch != nil
}

// until waits for an entry of a bot's journal and returns all up to now.
func (s *stage) until(ctx context.Context, id string, is func(journal.Entry) bool) ([]journal.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		entries, err := journal.Read(s.BotFolder(id))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if is(e) {
				return entries, nil
			}
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("bot %s does not record: %w\n%s", id, err, s.Log())
		}
	}
}

// measure looks at all bots for so long.
func (s *stage) measure(ctx context.Context, length time.Duration) (result, error) {
	r := result{bots: len(s.ids)}
	var roots []int
	for _, id := range s.ids {
		pid, err := s.BotPID(id)
		if err != nil {
			return r, err
		}
		roots = append(roots, pid)
	}
	if err := pause(ctx, settle); err != nil {
		return r, err
	}
	from, start := look(roots), time.Now()
	if err := pause(ctx, length); err != nil {
		return r, err
	}
	to := look(roots)
	minutes := time.Since(start).Minutes()
	spent := func(parts ...string) float64 {
		return (to.total(parts...).cpu - from.total(parts...).cpu).Seconds() / minutes
	}
	r.live, r.compose = spent("bot", "browser"), spent("compose")
	r.liveMB = float64(to.total("bot", "browser").pss) / (1 << 20)
	r.allMB = float64(to.total().pss) / (1 << 20)
	var err error
	r.lost, err = s.lost(start)
	return r, err
}

// leave makes all bots leave, and returns how long the slowest took to be
// completed.
func (s *stage) leave(ctx context.Context) (slowest time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	left := map[string]time.Time{}
	for _, id := range s.ids {
		left[id] = time.Now()
		if err := s.Leave(ctx, id); err != nil {
			return 0, err
		}
	}
	for _, id := range s.ids {
		for {
			d, err := s.Bot(ctx, id)
			if err != nil {
				return 0, err
			}
			if d.Status == "failed" {
				return 0, errors.New("a bot failed:\n" + s.Log())
			}
			if d.Status == "completed" {
				break
			}
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return 0, err
			}
		}
		slowest = max(slowest, time.Since(left[id]))
	}
	s.ids = nil
	return slowest, nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
