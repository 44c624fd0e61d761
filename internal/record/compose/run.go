package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"steno/internal/bot"
	"steno/internal/clock"
	"steno/internal/record/journal"
	"steno/internal/record/screen"
	"steno/internal/record/segment"
)

const (
	poll  = 500 * time.Millisecond // how often a folder that is followed is looked at
	stepW = 5_000_000              // µs of wall time that are worked on at a time
	// slack is how long after the last sign of recording the End entry of a
	// rescuer still tells when the recording ended.
	slack = 15_000_000
	// foresight is how far the speakers must be known to choose a picture, µs.
	foresight = 1_400_000
	// hold is how long nothing is settled while the media path gives no sign:
	// the gap that this may be is noted in the journal only when it is over.
	hold = 30_000_000
)

// Run composes the folder's artifacts and returns when they are all in place
// and the manifest is written. With Follow it works in the background while
// the meeting runs, a little behind it, and finishes soon after the End entry.
// It may be killed and run again: finished pieces are kept. Two Runs must not
// work on one folder at the same time; the second returns an error at once.
// When ctx ends, its child processes are killed and its error is returned.
func Run(ctx context.Context, o Options) (Output, error) { return runEvery(ctx, o, poll) }

func runEvery(ctx context.Context, o Options, every time.Duration) (Output, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.FFmpeg == "" {
		path, err := exec.LookPath("ffmpeg")
		if err != nil {
			return Output{}, fmt.Errorf("compose: ffmpeg is not installed: %w", err)
		}
		o.FFmpeg = path
	}
	if o.chunk == 0 {
		o.chunk = chunkTicks
	}
	if o.patience == 0 {
		o.patience = patience
	}
	work := filepath.Join(o.Folder, WorkDir)
	for _, dir := range []string{work, filepath.Join(o.Folder, OutDir)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return Output{}, fmt.Errorf("compose: %w", err)
		}
	}
	unlock, err := lock(filepath.Join(work, "lock"))
	if err != nil {
		return Output{}, err
	}
	defer unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // children first
	c := &composer{Options: o, work: work, story: newStory(), every: every}
	return c.run(ctx)
}

// lock keeps a second composer out; the kernel lets go when the first dies.
func lock(path string) (func(), error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("compose: another composer works on this folder: %w", err)
	}
	return func() { f.Close() }, nil
}

type composer struct {
	Options
	work   string
	offset int64 // read of the journal
	story  *story
	sound  *sound
	film   *film // nil for audio_only
	at     int64 // wall time up to which all is settled
	seen   int64 // when the last frame of all came, as of the last look
	every  time.Duration
}

func (c *composer) run(ctx context.Context) (Output, error) {
	defer c.close()
	if err := c.read(); err != nil {
		return Output{}, err
	}
	if out, ok := finished(c.Folder, c.story.endSeq); ok {
		return out, nil
	}
	clean(c.work)
	for {
		if err := c.read(); err != nil {
			return Output{}, err
		}
		final := c.story.ended || !c.Follow
		if final && !c.story.hasEpoch {
			return Output{}, ErrNothing
		}
		if c.story.hasEpoch {
			if err := c.advance(ctx, final); err != nil {
				return Output{}, err
			}
		}
		if final && c.story.filmed() {
			return c.finishFilmed(ctx)
		}
		if final {
			return c.finish()
		}
		t := time.NewTimer(c.every)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return Output{}, ctx.Err()
		}
	}
}

// read takes in what is new in the journal.
func (c *composer) read() error {
	entries, offset, err := journal.ReadFrom(c.Folder, c.offset)
	if err != nil {
		return err
	}
	c.offset = offset
	for _, e := range entries {
		c.story.apply(e)
	}
	return nil
}

// advance settles all that can be settled now, step by step.
func (c *composer) advance(ctx context.Context, final bool) error {
	if c.sound == nil {
		if err := c.start(ctx); err != nil {
			return err
		}
	}
	if c.story.filmed() {
		c.sound.mix.listen()
	}
	now := c.Clock.Now().UnixMicro()
	until := now - late
	if until > max(c.seen, c.story.pulse) || final {
		alive, err := c.lastArrival()
		if err != nil {
			return err
		}
		c.seen = alive
	}
	if seen := max(c.seen, c.story.pulse); until > seen {
		until = max(seen, now-hold)
	}
	if final {
		until = c.end()
	}
	for c.at < until {
		if err := ctx.Err(); err != nil {
			return err
		}
		next := min(c.at+stepW, until)
		if err := c.step(ctx, next, false); err != nil {
			return err
		}
		c.report(until)
	}
	if final {
		err := c.step(ctx, until, true)
		c.report(until)
		return err
	}
	return nil
}

func (c *composer) start(ctx context.Context) (err error) {
	video := c.Mode != bot.AudioOnly
	c.at = c.story.epoch
	mix, err := newMixer(ctx, c.Log, c.FFmpeg, c.work, video)
	if err != nil {
		return err
	}
	c.sound = newSound(c.Options, c.story, c.work, mix)
	if video && !c.story.onlyFilmed() {
		c.film, err = newFilm(c.Options, c.story, c.sound, c.work)
	}
	return err
}

// step settles everything up to a wall time; with last that is the end.
func (c *composer) step(ctx context.Context, until int64, last bool) error {
	c.at = until
	if err := c.sound.step(ctx, until); err != nil {
		return err
	}
	if c.film == nil {
		return nil
	}
	us, _ := c.story.timeline().rec(until)
	end := (us - foresight) / tickUS
	if last {
		end = ticks(us)
	}
	if c.story.filmed() { // from then on the picture is there already
		end = min(end, ticks(c.story.composed()))
	}
	return c.film.step(ctx, until, end, last)
}

// ticks is the length of the video of a recording; even the shortest has one
// frame.
func ticks(us int64) int64 { return max((us+tickUS-1)/tickUS, 1) }

func (c *composer) report(until int64) {
	if c.Progress == nil {
		return
	}
	tl := c.story.timeline()
	known, _ := tl.rec(until)
	done, _ := tl.rec(c.at)
	if c.film != nil {
		done = min(done, c.film.tick*tickUS)
	}
	c.Progress(max(done, 0)/1000, max(known, 0)/1000)
}

// end is the wall time at which the recording ended: when the bot left, or,
// if it died before, the last that is known of it.
func (c *composer) end() int64 {
	alive := max(c.story.alive, c.seen, c.story.epoch)
	if c.story.ended && (!c.story.rescued(alive) || c.story.endAt <= alive+slack) {
		return max(c.story.endAt, c.story.epoch)
	}
	return alive
}

// lastArrival is when the last frame of all tracks came, or a film grew.
func (c *composer) lastArrival() (last int64, err error) {
	if c.story.filmed() {
		films, err := screen.Files(c.Folder)
		if err != nil {
			return 0, err
		}
		for _, f := range films {
			if st, err := os.Stat(f); err == nil && st.Size() > 0 {
				last = max(last, st.ModTime().UnixMicro())
			}
		}
	}
	for _, t := range c.story.tracks {
		at, err := lastArrival(c.Folder, t.ID)
		if err != nil {
			return 0, err
		}
		last = max(last, at)
	}
	return last, nil
}

// lastArrival is when the last frame of a track came, 0 if none did.
func lastArrival(folder, track string) (last int64, err error) {
	files, err := segment.List(folder, track)
	for i := len(files) - 1; i >= 0 && last == 0; i-- {
		r, err := segment.Open(files[i])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for {
			fr, err := r.Next()
			if err != nil {
				break
			}
			last = max(last, fr.Arrival)
		}
		r.Close()
	}
	return last, err
}

func (c *composer) close() {
	if c.film != nil {
		c.film.close()
	}
	if c.sound != nil {
		c.sound.close()
	}
}
