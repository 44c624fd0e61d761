package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/job"
	"steno/internal/store/postgres"
	"steno/internal/store/sqlite"
)

// Querier runs statements: a transaction, or the database outside of one.
type Querier interface {
	Exec(ctx context.Context, query string, args ...any) (sql.Result, error)
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is a write transaction. What it stores, the jobs that it enqueues and the
// webhooks that it emits become visible together or not at all. It must not be
// used after the function that was given it has returned.
type Tx struct {
	conn  *sql.Conn
	tx    *sql.Tx
	db    *DB
	steps int
	wake  map[string]struct{}
	after []func()
	limit *limit
	// nudged: the sender of webhooks is already among after
	nudged bool
	copied int64 // events
	// What is written in one go before the commit.
	jobs   []job.Insertion
	quotas quotaBuffer
}

// tries bounds how often a transaction is run when others are in its way.
const tries = 5

// InTx runs fn in one write transaction and commits it if fn returns nil. fn
// may be run again when the transaction collides with another, so it must have
// no effect outside of the transaction but through AfterCommit. Functions given
// to AfterCommit and the wake-up of workers follow a successful commit.
//
// SQLite runs one write transaction at a time: fn must not wait for anything
// slow and must not use the DB itself.
//
// After an error that says that the database is away the transaction may have
// been committed all the same: its answer may be what was lost.
func (db *DB) InTx(ctx context.Context, fn func(tx *Tx) error) error {
	limit := db.newLimit()
	defer limit.end()
	ctx = limit.on(ctx)
	for try := 1; ; try++ {
		err := db.tryTx(ctx, limit, fn)
		if err == nil || try == tries || !(postgres.Again(err) || sqlite.Busy(err)) {
			return classify(err)
		}
		select {
		case <-ctx.Done():
			return classify(err)
		case <-time.After(time.Duration(try) * 5 * time.Millisecond):
		}
	}
}

func (db *DB) tryTx(ctx context.Context, l *limit, fn func(tx *Tx) error) error {
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // gives the connection back
	sqlTx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = sqlTx.Rollback() }() // does nothing after a commit
	tx := &Tx{conn: conn, tx: sqlTx, db: db, limit: l}
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.flush(ctx); err != nil {
		return err
	}
	tx.step()
	if err := sqlTx.Commit(); err != nil {
		return err
	}
	tx.step()
	for queue := range tx.wake {
		db.jobs.Wake(queue)
	}
	for _, f := range tx.after {
		f()
	}
	return nil
}

func (tx *Tx) step() {
	if tx.db.step != nil {
		tx.steps++
		tx.db.step(tx.steps)
	}
}

// Exec runs a statement.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	tx.step()
	return tx.tx.ExecContext(tx.limit.on(ctx), query, args...)
}

// Query runs a query. The rows must be closed before the next statement.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	tx.step()
	return tx.tx.QueryContext(tx.limit.on(ctx), query, args...)
}

// QueryRow runs a query for one row.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	tx.step()
	return tx.tx.QueryRowContext(tx.limit.on(ctx), query, args...)
}

// Enqueue queues a job that starts after the commit. Jobs are written together
// just before it.
func (tx *Tx) Enqueue(_ context.Context, args job.Args, opts job.Opts) error {
	tx.jobs = append(tx.jobs, job.Insertion{Args: args, Opts: opts})
	return nil
}

// flush writes what was kept for the end of the transaction.
func (tx *Tx) flush(ctx context.Context) error {
	if err := tx.flushQuotas(ctx); err != nil {
		return err
	}
	if len(tx.jobs) == 0 {
		return nil
	}
	tx.step()
	queues, err := tx.db.jobs.Insert(ctx, tx.conn, tx.tx, tx.jobs)
	if err != nil {
		return err
	}
	tx.wake = map[string]struct{}{}
	for _, queue := range queues {
		tx.wake[queue] = struct{}{}
	}
	return nil
}

// AfterCommit has f called when the transaction has been committed. f must be
// quick: it is for nudges, never for anything that must happen.
func (tx *Tx) AfterCommit(f func()) { tx.after = append(tx.after, f) }

// execN runs a statement and reports how many rows it changed.
func execN(ctx context.Context, q Querier, query string, args ...any) (int64, error) {
	r, err := q.Exec(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Read runs fn outside of any transaction, on connections that do not wait for
// writers. Each statement sees what was committed before it.
func (db *DB) Read(ctx context.Context, fn func(q Querier) error) error {
	limit := db.newLimit()
	defer limit.end()
	return classify(fn(reader{db.read, db.prepared, limit}))
}

type reader struct {
	db       *sql.DB
	prepared *prepared // nil: the driver keeps statements itself
	limit    *limit
}

func (r reader) Exec(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("store: a write outside of a transaction")
}

func (r reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = r.limit.on(ctx)
	if s := r.statement(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.db.QueryContext(ctx, query, args...)
}

func (r reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = r.limit.on(ctx)
	if s := r.statement(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return r.db.QueryRowContext(ctx, query, args...)
}

// statement returns nil if there is none; an error then shows itself when the
// query is run without it.
func (r reader) statement(ctx context.Context, query string) *sql.Stmt {
	if r.prepared == nil {
		return nil
	}
	s, err := r.prepared.get(ctx, query)
	if err != nil {
		return nil
	}
	return s
}
