// Package store keeps what must survive: it is the only package that speaks
// SQL. One .go file per noun, statements written out with their columns. Each
// statement runs on SQLite and on PostgreSQL as it stands: $1 placeholders,
// TEXT ids, BIGINT unix milliseconds, JSON as TEXT, BOOLEAN.
//
// It must not decide anything about bots, webhooks or keys: rules live in the
// rooms, which call it through small interfaces of their own.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync/atomic"

	"steno/internal/job"
	"steno/internal/store/postgres"
	"steno/internal/store/sqlite"
)

// Options says which database to open.
type Options struct {
	// DatabaseURL of a PostgreSQL database; empty means SQLite in DataDir.
	DatabaseURL string
	DataDir     string
	// Step is called before every statement of a write transaction, before its
	// commit and after it, with a number that counts them. Only tests set it,
	// to stop or kill the process there.
	Step func(n int)
	// Driver is the database/sql driver of SQLite databases; empty: sqlite.Driver.
	// Only tests set it, to one that fails now and then.
	Driver string
}

// DB is an open database with an up-to-date schema. It is safe for concurrent
// use.
type DB struct {
	write, read *sql.DB
	prepared    *prepared // of read; nil on PostgreSQL
	jobs        *job.Queue
	sqlite      bool
	step        func(n int)
	close       func() error
	onDelivery  atomic.Pointer[func()]
	growth      growth
}

// Open opens the database and brings its tables up to date. Several processes
// may do so at the same time.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := connect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := db.migrate(ctx, o.DataDir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	db.step = o.Step
	return db, nil
}

func connect(ctx context.Context, o Options) (*DB, error) {
	if o.DatabaseURL != "" {
		h, err := postgres.Open(ctx, o.DatabaseURL)
		if err != nil {
			return nil, err
		}
		q, err := job.OnPostgres(h.Pool)
		return &DB{write: h.SQL, read: h.SQL, jobs: q, close: func() error {
			err := h.SQL.Close()
			h.Pool.Close()
			return err
		}}, err
	}
	dir, err := filepath.Abs(o.DataDir)
	if err != nil {
		return nil, err
	}
	h, err := sqlite.Open(ctx, dir, cmp.Or(o.Driver, sqlite.Driver))
	if err != nil {
		return nil, err
	}
	q, err := job.OnSQLite(h.Write)
	p := &prepared{db: h.Read, stmt: map[string]*sql.Stmt{}}
	return &DB{write: h.Write, read: h.Read, prepared: p, jobs: q, sqlite: true, close: func() error {
		return errors.Join(p.close(), h.Read.Close(), h.Write.Close())
	}}, err
}

// Jobs returns the queue in this database, for the runner.
func (db *DB) Jobs() *job.Queue { return db.jobs }

// Shared reports whether several hosts may use the database, that is, whether
// it is PostgreSQL.
func (db *DB) Shared() bool { return !db.sqlite }

// Ping asks whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	return db.Read(ctx, func(q Querier) error {
		var one int
		return q.QueryRow(ctx, "SELECT 1").Scan(&one)
	})
}

// Close closes the database. Runners must have stopped.
func (db *DB) Close() error { return db.close() }
