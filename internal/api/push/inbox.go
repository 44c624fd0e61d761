package push

import (
	"context"
	"errors"
	"sync"
	"time"

	"steno/internal/calendar"
)

// inbox hands pushes on in batches: what arrives while one batch is being
// committed becomes the next one. Whoever comes first works for those that come
// meanwhile, and then hands over. There is no goroutine of its own.
type inbox struct {
	receive func(context.Context, []calendar.Push) ([]calendar.PushResult, error)

	mu      sync.Mutex
	pending []*letter
	busy    bool
}

// letter is what one request has brought.
type letter struct {
	pushes  []calendar.Push
	results []calendar.PushResult
	err     error
	done    chan struct{} // closed when results and err are there
	lead    chan struct{} // closed when it is this one's turn to work
}

const (
	// batch bounds how many pushes are committed together.
	batch = 500
	// commitTime bounds one commit: it is nobody's request alone.
	commitTime = 10 * time.Second
)

// put returns when the pushes are stored. One result for each.
func (b *inbox) put(_ context.Context, pushes []calendar.Push) ([]calendar.PushResult, error) {
	l := &letter{pushes: pushes, done: make(chan struct{}), lead: make(chan struct{})}
	b.mu.Lock()
	b.pending = append(b.pending, l)
	if !b.busy {
		b.busy = true
		close(l.lead)
	}
	b.mu.Unlock()
	// The sender may have gone: whoever leads must work nevertheless.
	select {
	case <-l.done:
	case <-l.lead:
		b.work()
	}
	return l.results, l.err
}

// work stores one batch, which holds the leader's own letter, and hands over.
func (b *inbox) work() {
	b.mu.Lock()
	var letters []*letter
	var all []calendar.Push
	for len(b.pending) > 0 && (len(letters) == 0 || len(all)+len(b.pending[0].pushes) <= batch) {
		letters, all = append(letters, b.pending[0]), append(all, b.pending[0].pushes...)
		b.pending = b.pending[1:]
	}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), commitTime)
	results, err := b.receive(ctx, all)
	cancel()
	if err == nil && len(results) != len(all) {
		err = errors.New("push: not one result for each push")
	}
	for _, l := range letters {
		if err == nil {
			l.results, results = results[:len(l.pushes)], results[len(l.pushes):]
		}
		l.err = err
		close(l.done)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending) == 0 {
		b.busy = false
		return
	}
	close(b.pending[0].lead)
}
