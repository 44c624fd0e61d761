package calendar

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

// Options of a Service. Zero values take the defaults of the comments.
type Options struct {
	// Ahead and Behind are how far the events of a calendar are kept current from
	// now on: 30 days and 0.
	Ahead, Behind time.Duration
	// Poll is how often a calendar is looked at without a push: 15 minutes.
	Poll time.Duration
	// Gap is the time from the start of a sync to that of the next: pushes that
	// come meanwhile share it. 1.2 s.
	Gap time.Duration
	// RefreshWait is how long Refresh waits for the sync that it asks for; 0: not
	// at all.
	RefreshWait time.Duration
	// WriteWait is how long a write waits for a sync of its calendar: 5 s.
	WriteWait time.Duration
	// MaxCalendars bounds the connections of every team, beside the team's own
	// limit; 0: no bound.
	MaxCalendars int
	// Lead is how long before its time the bot of an event is launched; 0: not at
	// all.
	Lead time.Duration
	// PushURL is how services reach the push endpoints, without a slash at its
	// end; empty: they cannot, and calendars are polled.
	PushURL string
}

// Service is what may be done with calendars. All fields but Log and Random
// are required.
type Service struct {
	Store     Store
	Tokens    TokenStore
	Providers map[Platform]Provider
	Clock     clock.Clock
	Detect    Detector
	Log       *slog.Logger
	Options   Options
	// Nudge wakes whoever runs what is due in this process; may be nil.
	Nudge func()
	// Share gives a sync a place among those under way in this process, so that a
	// team or a service that hangs does not take them all. leave gives it back; it
	// may be called more than once. nil: there is room for everybody.
	Share func(team string, p Platform) (leave func(), ok bool)
	// Random returns numbers from 0 to 1 for jitter; nil: math/rand.
	Random func() float64

	lastSeen atomic.Int64 // the time at which strays were looked for, or later; 0: never
}

func (s *Service) ahead() time.Duration { return orElse(s.Options.Ahead, 30*24*time.Hour) }
func (s *Service) poll() time.Duration  { return orElse(s.Options.Poll, 15*time.Minute) }
func (s *Service) gap() time.Duration   { return orElse(s.Options.Gap, 1200*time.Millisecond) }

func orElse(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// jitter spreads a delay over ± a quarter of it.
func (s *Service) jitter(d time.Duration) time.Duration {
	random := rand.Float64
	if s.Random != nil {
		random = s.Random
	}
	return time.Duration(float64(d) * (0.75 + random()/2))
}

func (s *Service) nudge() {
	if s.Nudge != nil {
		s.Nudge()
	}
}

// window is what a full round or a roll at the given time materialises. It
// reaches further than promised, because it is moved on only once a day, and at
// the poll after that; the hour that it is cut to comes on top. reach moves its end
// further ahead.
func (s *Service) window(now, reach time.Time) Window {
	w := Window{Start: now.Add(-s.Options.Behind), End: now.Add(s.ahead() + rollEvery + 2*time.Hour).Truncate(time.Hour)}
	if reach.After(w.End) {
		w.End = reach
	}
	return w
}

// provider returns the service of a platform.
func (s *Service) provider(p Platform) (Provider, error) {
	if v, ok := s.Providers[p]; ok {
		return v, nil
	}
	return nil, fail.New(fail.Invalid, CodeValidation, "/calendar_platform: must be google or microsoft")
}

// Get returns a connection.
func (s *Service) Get(ctx context.Context, team, id string) (Connection, error) {
	return s.Store.Connection(ctx, team, id)
}

// Event returns an event with its details, also one that is gone.
func (s *Service) Event(ctx context.Context, team, calendar, id string) (FullEvent, error) {
	return s.Store.Event(ctx, team, calendar, id)
}

// Decisions returns what was decided about the bot of an event, oldest first.
func (s *Service) Decisions(ctx context.Context, team, calendar, id string) ([]Decision, error) {
	if _, err := s.Store.Event(ctx, team, calendar, id); err != nil {
		return nil, err
	}
	return s.Store.Decisions(ctx, team, id)
}
