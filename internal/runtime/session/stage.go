package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"steno/internal/record/screen"
	"steno/internal/record/tracks"
)

// stageLimit bounds the start of display and sound device.
const stageLimit = 20 * time.Second

// Stage is what films a page that gives no tracks.
type Stage interface {
	Env() []string
	Record(epoch int64) error
	Activity() screen.Activity
	Failed() <-chan struct{}
	Stop() error // ends the film
	Close() error
}

// filming is the Recorder of a visit whose page is filmed. The audio of those
// who have tracks of their own is recorded beside the film, so that each
// person is known and heard apart.
type filming struct {
	Stage
	Recorder
	rolling atomic.Bool
	since   time.Time // when it began to roll
}

// halt ends the film for a pause, whose moment is behind it: nothing of a pause
// is on disk.
func (f *filming) halt(log *slog.Logger) {
	f.rolling.Store(false)
	if err := f.Stop(); err != nil {
		log.Warn("the film's end", "error", err)
	}
}

// Activity tells of the film, which grows however dead the page is.
func (f *filming) Activity() tracks.Activity {
	a, heard := f.Stage.Activity(), f.Recorder.Activity()
	sound := latest(a.LastSound, heard.LastSound)
	return tracks.Activity{LastFrame: a.LastFrame, LastSound: sound, LastAudio: sound, Bytes: a.Bytes + heard.Bytes}
}

// Close ends the film and the recording beside it.
func (f *filming) Close() error { return errors.Join(f.Stage.Close(), f.Recorder.Close()) }

// raise opens the stage for a browser that is to be filmed.
func (v *visit) raise(ctx context.Context) error {
	s := v.s
	ctx, cancel := context.WithTimeout(ctx, stageLimit)
	defer cancel()
	stage, err := s.opt.Tools.Stage(ctx, screen.Options{
		Folder: s.opt.Folder, Journal: s.journal, Clock: s.clock, Log: s.log, FFmpeg: s.spec.FFmpeg,
	})
	if err != nil {
		return err
	}
	v.film = &filming{Stage: stage, Recorder: v.rec}
	v.rec = v.film
	return nil
}

// roll begins to film once the bot is in the call: what is before it is nobody's
// meeting. Time zero must be known before the film, which counts from it.
func (v *visit) roll(now time.Time) error {
	s := v.s
	if v.film == nil || v.film.rolling.Load() || s.diary.isPaused() {
		return nil
	}
	s.diary.epoch(now.UnixMicro())
	var epoch int64
	s.diary.look(func(m *memory) { epoch = m.epoch })
	if epoch == 0 {
		return errors.New("film: the journal takes no entry")
	}
	if err := v.film.Record(epoch); err != nil {
		return fmt.Errorf("film: %w", err)
	}
	v.film.since = now
	v.film.rolling.Store(true)
	return nil
}

// lastFilmed is when the last film of a folder grew last; zero if there is none.
func lastFilmed(folder string) time.Time {
	films, err := screen.Files(folder)
	if err != nil || len(films) == 0 {
		return time.Time{}
	}
	st, err := os.Stat(films[len(films)-1])
	if err != nil || st.Size() == 0 {
		return time.Time{}
	}
	return st.ModTime()
}
