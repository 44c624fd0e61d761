package job

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Queue is the job queue inside one database. Exactly one of the two handles
// is set. It inserts; a Runner works.
type Queue struct {
	sqlite   *sql.DB
	postgres *pgxpool.Pool
	hub      *hub  // nil on PostgreSQL
	bell     *bell // nil on SQLite

	insertSQLite   *river.Client[*sql.Tx]
	insertPostgres *river.Client[pgx.Tx]
}

// OnSQLite returns the queue in a SQLite database. The handle must be the only
// writer of the process and have one connection.
func OnSQLite(db *sql.DB) (*Queue, error) {
	q := &Queue{sqlite: db, hub: newHub()}
	c, err := river.NewClient(localDriver(db, q.hub), insertConfig())
	q.insertSQLite = c
	return q, err
}

// OnPostgres returns the queue in a PostgreSQL database.
func OnPostgres(pool *pgxpool.Pool) (*Queue, error) {
	q := &Queue{postgres: pool, bell: &bell{pool: pool}}
	c, err := river.NewClient(riverpgxv5.New(pool), insertConfig())
	q.insertPostgres = c
	return q, err
}

func insertConfig() *river.Config {
	return &river.Config{
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		// River sends at most one notification of new jobs per cooldown.
		FetchCooldown: 5 * time.Millisecond,
	}
}

// Migrate brings River's tables to the version of the library.
func (q *Queue) Migrate(ctx context.Context) error {
	log := &rivermigrate.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if q.sqlite != nil {
		m, err := rivermigrate.New(localDriver(q.sqlite, q.hub), log)
		if err != nil {
			return err
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(q.postgres), log)
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

// Insertion is a job to be queued.
type Insertion struct {
	Args Args
	Opts Opts
}

// Insert queues jobs within the transaction tx, which runs on conn. The caller
// calls Wake with each of the returned queue names after it has committed.
func (q *Queue) Insert(ctx context.Context, conn *sql.Conn, tx *sql.Tx, jobs []Insertion) (queues []string, err error) {
	params := make([]river.InsertManyParams, 0, len(jobs))
	for _, j := range jobs {
		o := j.Opts.river()
		params, queues = append(params, river.InsertManyParams{Args: j.Args, InsertOpts: o}), append(queues, o.Queue)
	}
	if q.sqlite != nil {
		_, err = q.insertSQLite.InsertManyTx(ctx, tx, params)
		return queues, err
	}
	err = conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(*stdlib.Conn)
		if !ok {
			return errors.New("job: not a pgx connection")
		}
		_, err := q.insertPostgres.InsertManyTx(ctx, borrowedTx{c.Conn()}, params)
		return err
	})
	return queues, err
}

// Wake makes the workers look for new jobs in a queue now: those of this
// process, and on PostgreSQL those of all others.
func (q *Queue) Wake(queue string) {
	if q.bell != nil {
		q.bell.ring(queue)
		return
	}
	q.hub.wake(queue)
}
