package job

import (
	"context"
	"maps"
	"sync"
	"time"
)

// taken knows which jobs this process runs. A statement that takes jobs may be
// executed although its answer is lost, with the connection or because the
// database was too slow: such jobs count as running, and nobody runs them. They
// are looked for after each such failure, and given back.
type taken struct {
	mu       sync.Mutex
	jobs     map[int64]turn
	suspects map[int64]int // were running without us at the last look
	looks    int           // how often to look yet
}

// turn is one time that a job was taken: the first, the second … Jobs that are
// put off come several times.
type turn struct {
	n     int
	ended time.Time // zero: it runs. Otherwise this may not be stored yet
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

func newTaken() *taken { return &taken{jobs: map[int64]turn{}} }

func (t *taken) begin(id int64, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[id] = turn{n: n}
}

func (t *taken) end(id int64, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[id] = turn{n: n, ended: time.Now()}
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
	maps.DeleteFunc(t.jobs, func(_ int64, j turn) bool { return !j.ended.IsZero() && time.Since(j.ended) > storedAfter })
	return false
}

// lost returns those of the jobs that run in this process's name without it, at
// this look and at the one before. running says how often each was taken.
func (t *taken) lost(running map[int64]int) (ids []int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.looks--
	suspects := map[int64]int{}
	for id, n := range running {
		if t.jobs[id].n == n {
			continue
		}
		if t.suspects[id] == n {
			ids = append(ids, id)
			continue
		}
		suspects[id] = n
	}
	maps.DeleteFunc(t.jobs, func(id int64, j turn) bool { return !j.ended.IsZero() && running[id] != j.n })
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
