package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"steno/demo"
	"steno/internal/record/journal"
	"steno/internal/record/segment"
	"steno/lab"
)

// result is one row: sums over all bots of the row.
type result struct {
	mode          string
	bots          int
	live, compose float64 // CPU seconds per recorded minute
	liveMB, allMB float64
	joined        time.Duration // API call to the first recorded frame, the slowest bot
	done          time.Duration // leave call to completed, the slowest bot
	lost          string
}

// settle is how long the bots record before the measurement begins.
const settle = 5 * time.Second

func measureBots(ctx context.Context, binary, mode string, n int, length time.Duration) (result, error) {
	r := result{mode: mode, bots: n}
	fmt.Fprintf(os.Stderr, "measuring %d × %s for %v\n", n, mode, length)
	meetings, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return r, err
	}
	defer meetings.Close()
	sc := lab.Conversation("abc-defg-hij", 3, time.Minute)
	sc.Repeat = true
	for i := range sc.People {
		sc.People[i].DTX = false // so that each missing packet can be seen
	}
	meeting, err := meetings.Open(ctx, sc)
	if err != nil {
		return r, err
	}
	data, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(data)
	stage, err := demo.NewStage(ctx, demo.StageOptions{
		Binary: binary, Data: data, Env: []string{"STENO_LAB_HOST=" + meetings.Host()},
		Args: []string{"--max-bots", fmt.Sprint(n)},
	})
	if err != nil {
		return r, err
	}
	if err := stage.Start(ctx); err != nil {
		return r, err
	}
	defer func() { _ = stage.Stop() }()
	return r, r.measure(ctx, stage, meeting, length)
}

func (r *result) measure(ctx context.Context, stage *demo.Stage, meeting *lab.Meeting, length time.Duration) error {
	ids, err := r.join(ctx, stage, meeting)
	if err != nil {
		return err
	}
	var roots []int
	for _, id := range ids {
		pid, err := stage.BotPID(id)
		if err != nil {
			return err
		}
		roots = append(roots, pid)
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	from, start := look(roots), time.Now()
	if err := pause(ctx, length); err != nil {
		return err
	}
	to := look(roots)
	minutes := time.Since(start).Minutes()
	spent := func(parts ...string) float64 {
		return (to.total(parts...).cpu - from.total(parts...).cpu).Seconds() / minutes
	}
	r.live, r.compose = spent("bot", "browser"), spent("compose")
	r.liveMB = float64(to.total("bot", "browser").pss) / (1 << 20)
	r.allMB = float64(to.total().pss) / (1 << 20)
	r.lost = lostAudio(stage, ids)
	return r.leave(ctx, stage, ids)
}

// join sends the bots and waits until each has recorded something.
func (r *result) join(ctx context.Context, stage *demo.Stage, meeting *lab.Meeting) ([]string, error) {
	var ids []string
	called := map[string]time.Time{}
	for i := range r.bots {
		at := time.Now()
		id, err := stage.CreateBot(ctx, map[string]any{
			"bot_name": fmt.Sprintf("Bot %d", i+1), "meeting_url": meeting.URL(), "recording_mode": r.mode,
		})
		if err != nil {
			return nil, err
		}
		ids, called[id] = append(ids, id), at
	}
	for _, id := range ids {
		epoch, err := firstFrame(ctx, stage, id)
		if err != nil {
			return nil, err
		}
		r.joined = max(r.joined, epoch.Sub(called[id]))
	}
	return ids, nil
}

func firstFrame(ctx context.Context, stage *demo.Stage, id string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		entries, err := journal.Read(stage.BotFolder(id))
		if err != nil {
			return time.Time{}, err
		}
		for _, e := range entries {
			if e.Epoch != nil {
				return time.UnixMicro(e.Epoch.UnixMicro), nil
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return time.Time{}, fmt.Errorf("bot %s does not record: %w\n%s", id, err, stage.Log())
		}
	}
}

func (r *result) leave(ctx context.Context, stage *demo.Stage, ids []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	left := map[string]time.Time{}
	for _, id := range ids {
		left[id] = time.Now()
		if err := stage.Leave(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range ids {
		for {
			d, err := stage.Bot(ctx, id)
			if err != nil {
				return err
			}
			if d.Status == "failed" {
				return errors.New("a bot failed:\n" + stage.Log())
			}
			if d.Status == "completed" {
				break
			}
			if err := pause(ctx, 100*time.Millisecond); err != nil {
				return err
			}
		}
		r.done = max(r.done, time.Since(left[id]))
	}
	return nil
}

// lostAudio counts the holes in the RTP clock of each audio track: every
// participant of the benchmark sends a packet each 20 ms.
func lostAudio(stage *demo.Stage, ids []string) string {
	var missing, all int64
	for _, id := range ids {
		folder := stage.BotFolder(id)
		entries, err := journal.Read(folder)
		if err != nil {
			return err.Error()
		}
		for _, e := range entries {
			if e.Track == nil || e.Track.Kind != "audio" || e.Track.Ended {
				continue
			}
			m, a := holes(folder, e.Track.ID)
			missing, all = missing+m, all+a
		}
	}
	if all == 0 {
		return "all"
	}
	return fmt.Sprintf("%.3f %%", 100*float64(missing)/float64(all))
}

// packet is the length of an Opus packet in units of its RTP clock.
const packet = 960

func holes(folder, track string) (missing, all int64) {
	files, err := filepath.Glob(filepath.Join(folder, segment.Dir, track, "*.seg"))
	if err != nil {
		return 0, 0
	}
	var last uint32
	for _, file := range files {
		r, err := segment.Open(file)
		if err != nil {
			continue
		}
		for fr, err := r.Next(); err == nil; fr, err = r.Next() {
			if step := int64(int32(fr.RTP - last)); all > 0 && step > packet {
				missing += step/packet - 1
				all += step/packet - 1
			}
			all++
			last = fr.RTP
		}
		r.Close()
	}
	return missing, all
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
