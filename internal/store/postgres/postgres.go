// Package postgres opens PostgreSQL databases. It holds what only PostgreSQL
// needs to hear.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// Handles are two views of one pool: River speaks pgx, the store speaks
// database/sql.
type Handles struct {
	Pool *pgxpool.Pool
	SQL  *sql.DB
}

// conns is the default size of the pool; pool_max_conns in the URL changes it.
const conns = 16

// Open connects to the database at url and waits until it answers once.
func Open(ctx context.Context, url string) (Handles, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return Handles{}, fmt.Errorf("database URL: %w", hideURL(err))
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = conns
	}
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	if !jitSaid(cfg.ConnConfig) {
		cfg.AfterConnect = withoutJIT
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return Handles{}, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return Handles{}, fmt.Errorf("connect to %s: %w", Where(url), hideURL(err))
	}
	return Handles{Pool: pool, SQL: stdlib.OpenDBFromPool(pool)}, nil
}

// jitSaid reports whether the URL says if PostgreSQL may compile queries.
func jitSaid(cfg *pgx.ConnConfig) bool {
	_, said := cfg.RuntimeParams["jit"]
	return said || strings.Contains(cfg.RuntimeParams["options"], "jit")
}

// withoutJIT keeps PostgreSQL from compiling queries. It does so when a plan
// looks expensive, and takes tenths of a second, each time anew; that pays off
// for reports that run for seconds, and ours read what a page shows. A statement
// and no parameter of the connection: poolers refuse parameters they do not know.
func withoutJIT(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, "SET jit = off")
	return err
}

// Where names a database without the password: host:port/name.
func Where(url string) string {
	cfg, err := pgconn.ParseConfig(url)
	if err != nil {
		return "the database"
	}
	return fmt.Sprintf("%s:%d/%s", cfg.Host, cfg.Port, cfg.Database)
}

// hideURL keeps pgx from printing a URL, which may hold a password.
func hideURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("it cannot be read; expected postgres://user:password@host:5432/name")
	}
	return err
}

// Again reports whether err is a conflict between transactions: this one did
// nothing and may be tried again.
func Again(err error) bool {
	switch state(err) {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	}
	return false
}

// Down reports whether err says that the server is away, starting or full.
func Down(err error) bool {
	var connect *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return true
	}
	s := state(err)
	return strings.HasPrefix(s, "08") || strings.HasPrefix(s, "53") || strings.HasPrefix(s, "57P") || s == "58030" || s == "25006"
}

// Duplicate reports whether err is a broken unique constraint.
func Duplicate(err error) bool { return state(err) == "23505" }

func state(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
