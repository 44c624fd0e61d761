package job

import (
	"context"
	"slices"
	"sync"
	"time"
)

// taken knows which jobs this process runs. A statement that takes jobs may be
// executed although its answer is lost, with the connection or because the
// database was too slow: such jobs count as running, and nobody runs them. They
// are looked for after each such failure, and given back.
type taken struct {
	mu       sync.Mutex
	jobs     map[int64]time.Time // when they have ended; zero: they run
	suspects map[int64]struct{}  // were running without us at the last look
	looks    int                 // how often to look yet
}

const (
	// lookEvery is the time between two looks: longer than it takes to begin a job
	// that was taken.
	lookEvery = time.Second
	// looks: a database that stood still finishes what it was asked for before, at
	// some time after it goes on.
	looks = 10
	// storedAfter is how long it may take, while the database answers, until the
	// end of a job is stored.
	storedAfter = time.Minute
)

func newTaken() *taken { return &taken{jobs: map[int64]time.Time{}} }

func (t *taken) begin(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[id] = time.Time{}
}

func (t *taken) end(id int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[id] = time.Now()
}

// doubt has the next looks taken.
func (t *taken) doubt() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks = looks
}

// due reports whether to look. If not, it forgets what ended long ago.
func (t *taken) due() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.looks > 0 {
		return true
	}
	for id, ended := range t.jobs {
		if !ended.IsZero() && time.Since(ended) > storedAfter {
			delete(t.jobs, id)
		}
	}
	return false
}

// lost returns those of the jobs that run in this process's name without it, at
// this look and at the one before.
func (t *taken) lost(running []int64) (ids []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks--
	suspects := map[int64]struct{}{}
	for _, id := range running {
		if _, ours := t.jobs[id]; ours {
			continue
		}
		if _, again := t.suspects[id]; again {
			ids = append(ids, id)
			continue
		}
		suspects[id] = struct{}{}
	}
	for id, ended := range t.jobs {
		if !ended.IsZero() && !slices.Contains(running, id) {
			delete(t.jobs, id)
		}
	}
	t.suspects = suspects
	return ids
}

// look gives lost jobs back.
func (r *Runner) look(ctx context.Context) {
	if !r.taken.due() {
		return
	}
	running, err := r.o.Nodes.Running(ctx, r.o.Node)
	if err != nil {
		return // the heartbeat tells
	}
	ids := r.taken.lost(running)
	if len(ids) == 0 {
		return
	}
	n, err := r.o.Nodes.GiveBack(ctx, r.o.Node, ids)
	if err != nil {
		r.taken.doubt()
	}
	if n > 0 {
		r.o.Logger.Info("jobs that were taken while the database failed are run again", "jobs", n)
	}
}

func (r *Runner) lookOn(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.look(ctx)
		}
	}
}
