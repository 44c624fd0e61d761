package store

import (
	"context"
	"time"
)

// patience bounds a transaction, and a read, on PostgreSQL. A database that
// hangs, or a network that swallows what is sent, must not keep anybody for
// ever. Whoever wants less says so by a context.
const patience = 15 * time.Second

// limit is when all statements of a transaction or a read must have ended. A
// nil limit is none.
type limit struct {
	at      time.Time
	cancels []context.CancelFunc
}

func (db *DB) newLimit() *limit {
	if db.sqlite {
		return nil // a file does not hang for longer than its machine
	}
	return &limit{at: time.Now().Add(patience)}
}

// on returns a context that ends with ctx, or at the limit.
func (l *limit) on(ctx context.Context) context.Context {
	if l == nil {
		return ctx
	}
	if at, ok := ctx.Deadline(); ok && !at.After(l.at) {
		return ctx
	}
	ctx, cancel := context.WithDeadline(ctx, l.at)
	l.cancels = append(l.cancels, cancel)
	return ctx
}

// end frees what the limit took.
func (l *limit) end() {
	if l == nil {
		return
	}
	for _, cancel := range l.cancels {
		cancel()
	}
}
