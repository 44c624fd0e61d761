package alarm

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/clock"
)

// plan is a list of times; Due takes those that have come.
type plan struct {
	clock clock.Clock
	due   []time.Time
	fired []time.Time
	fail  int
}

func (p *plan) run(context.Context) (time.Time, bool, error) {
	if p.fail > 0 {
		p.fail--
		return time.Time{}, false, errors.New("the database is away")
	}
	now := p.clock.Now()
	for len(p.due) > 0 && !p.due[0].After(now) {
		p.fired, p.due = append(p.fired, now), p.due[1:]
	}
	if len(p.due) == 0 {
		return time.Time{}, false, nil
	}
	return p.due[0], true, nil
}

func start(t *testing.T, p *plan) *Alarm {
	a := New(p.run, p.clock, slog.New(slog.NewTextHandler(io.Discard, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return a
}

// Proves T1: whatever the wall clock does, everything fires once and within a
// second of its time as the wall clock then says.
func TestClockJumpsNeitherLoseNorDoubleADueTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		begin time.Time
		jump  time.Duration
	}{
		{"an hour forward", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), time.Hour},
		{"an hour back", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), -time.Hour},
		{"a day forward", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), 24 * time.Hour},
		{"a day back", time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), -24 * time.Hour},
		{"summer time begins", time.Date(2026, 3, 29, 1, 59, 0, 0, zone), 0},
		{"summer time ends", time.Date(2026, 10, 25, 2, 59, 0, 0, zone), 0},
		{"a leap second", time.Date(2026, 12, 31, 23, 59, 50, 0, time.UTC), time.Second},
		{"the end of 32 bits", time.Date(2038, 1, 19, 3, 14, 0, 0, time.UTC), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var offset atomic.Int64
				real := time.Now()
				wall := clock.Func(func() time.Time { return c.begin.Add(time.Since(real) + time.Duration(offset.Load())).UTC() })
				p := &plan{clock: wall}
				for i := range 5 {
					p.due = append(p.due, c.begin.Add(time.Duration(i+1)*20*time.Second).UTC())
				}
				want := append([]time.Time(nil), p.due...)
				start(t, p)
				time.Sleep(30 * time.Second)
				synctest.Wait()
				offset.Store(int64(c.jump))
				time.Sleep(3*time.Minute + max(0, -c.jump))
				synctest.Wait()
				if len(p.fired) != len(want) {
					t.Fatalf("fired %d times at %v, want %d", len(p.fired), p.fired, len(want))
				}
				for i, at := range p.fired {
					late := at.Sub(want[i])
					jumped := c.jump > 0 && i > 0 // its time was jumped over
					if late < 0 || (late > time.Second && !jumped) {
						t.Errorf("number %d fired %s late", i, late)
					}
				}
			})
		})
	}
}

func TestANudgeIsHeardAtOnceAndAFailureIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &plan{clock: clock.System{}, fail: 3}
		a := start(t, p)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if p.fail != 0 {
			t.Fatalf("%d failures are left", p.fail)
		}
		before := time.Now()
		p.due = append(p.due, before)
		a.Nudge()
		synctest.Wait()
		if len(p.fired) != 1 || time.Since(before) != 0 {
			t.Fatalf("fired %v", p.fired)
		}
	})
}
