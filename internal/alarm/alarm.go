// Package alarm runs a function when something in the database is due. Work
// that must happen at its second does not wait for the tick of a job queue.
//
// It must not know what is due.
package alarm

import (
	"context"
	"log/slog"
	"time"

	"steno/internal/clock"
)

// MaxIdle is the longest sleep: a wall clock that is set, and rows that another
// host has written, are noticed within it.
const MaxIdle = time.Second

// Alarm sleeps until something is due, or until it is nudged. Run it once;
// Nudge may be called at any time, also before and after.
type Alarm struct {
	// Due does what is due and returns when it wants to be called again; ok is
	// false if nothing is waiting. It is called at least once in MaxIdle.
	Due   func(ctx context.Context) (next time.Time, ok bool, err error)
	Clock clock.Clock
	Log   *slog.Logger

	nudge chan struct{}
}

// New returns an alarm.
func New(due func(context.Context) (time.Time, bool, error), c clock.Clock, log *slog.Logger) *Alarm {
	return &Alarm{Due: due, Clock: c, Log: log, nudge: make(chan struct{}, 1)}
}

// Nudge has Due called soon.
func (a *Alarm) Nudge() {
	select {
	case a.nudge <- struct{}{}:
	default: // it is awake, or about to be
	}
}

// Run works until ctx ends and returns nil.
func (a *Alarm) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.nudge:
		case <-timer.C:
		}
		wait := MaxIdle
		next, ok, err := a.Due(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			a.Log.Error("what is due could not be done", "error", err)
		}
		failed = err != nil
		if err == nil && ok {
			// A millisecond more, because the database keeps whole ones.
			wait = max(0, min(MaxIdle, next.Sub(a.Clock.Now())+time.Millisecond))
		}
		timer.Reset(wait)
	}
}
