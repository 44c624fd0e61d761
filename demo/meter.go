package demo

import (
	"context"
	"sync"
	"time"

	"steno/internal/browser"
)

// Meter adds up what a process tree costs while its processes come and go:
// processor time, and the largest memory (PSS) seen at once.
type Meter struct {
	every time.Duration
	root  func() (int, error)

	mu    sync.Mutex
	spent map[int]time.Duration // by root process: the processor time last seen
	peak  int64
}

// NewMeter makes a meter that looks at the tree under root() every so often.
// root may name another process from one time to the next, as when a killed
// one is replaced; its error means that there is none now.
func NewMeter(every time.Duration, root func() (int, error)) *Meter {
	return &Meter{every: every, root: root, spent: map[int]time.Duration{}}
}

// Run measures until ctx ends.
func (m *Meter) Run(ctx context.Context) {
	tick := time.NewTicker(m.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			m.look()
		}
	}
}

func (m *Meter) look() {
	pid, err := m.root()
	if err != nil {
		return
	}
	u, err := browser.TreeUsage(pid)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent[pid] = max(m.spent[pid], u.CPU)
	m.peak = max(m.peak, u.PSS)
}

// Total returns the processor time of all trees seen, as of the last look, and
// the largest memory in bytes. Processes that live for less than one interval
// may be missed.
func (m *Meter) Total() (cpu time.Duration, peak int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.spent {
		cpu += d
	}
	return cpu, m.peak
}
