package quota

import (
	"context"
	"sync"
	"time"

	"steno/internal/fail"
)

// Window is the span in which requests are counted. It begins with the first
// request after the one before has ended.
const Window = time.Second

// Rate is where a team stands in its window.
type Rate struct {
	Limit     int // NoLimit: it is not counted
	Remaining int
	Reset     time.Duration // until the window ends
}

// Take counts a request of a team. Beyond the limit it returns fail.Limited,
// with the rate as ever.
func (s *Service) Take(ctx context.Context, team string) (Rate, error) {
	if s.Requests == nil {
		return Rate{Limit: NoLimit}, nil
	}
	now := s.Clock.Now()
	l, err := s.recall(ctx, team, now)
	if err != nil {
		return Rate{}, err
	}
	limit := l.RequestsPerSecond
	if limit == NoLimit {
		return Rate{Limit: NoLimit}, nil
	}
	used, ends, err := s.Requests.Count(ctx, team, now)
	if err != nil {
		return Rate{}, err
	}
	r := Rate{Limit: limit, Remaining: max(0, limit-used), Reset: max(0, ends.Sub(now))}
	if used <= limit {
		return r, nil
	}
	e := fail.New(fail.Limited, CodeRate, "Rate limit exceeded: %d requests per second", limit)
	e.RetryAfter = r.Reset
	return r, e
}

func (s *Service) recall(ctx context.Context, team string, now time.Time) (Limits, error) {
	s.mu.Lock()
	k, ok := s.known[team]
	s.mu.Unlock()
	if age := now.Sub(k.at); ok && age >= 0 && age < remember {
		return k.limits, nil
	}
	l, err := s.Limits(ctx, team)
	if err != nil {
		return l, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = map[string]remembered{}
	}
	s.known[team] = remembered{l, now}
	return l, nil
}

// Memory counts the requests of one process: enough where there is only one
// server. The zero value is ready.
type Memory struct {
	mu   sync.Mutex
	open map[string]*window
}

type window struct {
	begun time.Time
	used  int
}

// Count implements Counter.
func (m *Memory) Count(_ context.Context, team string, now time.Time) (int, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open == nil {
		m.open = map[string]*window{}
	}
	w := m.open[team]
	if w == nil {
		w = &window{}
		m.open[team] = w
	}
	if Over(w.begun, now) {
		w.begun, w.used = now, 0
	}
	w.used++
	return w.used, w.begun.Add(Window), nil
}

// Over says whether a window that began then has ended. One that lies in the
// future, because a clock was set back, has.
func Over(begun, now time.Time) bool {
	age := now.Sub(begun)
	return age >= Window || age < -Window
}
