package outage

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"steno/internal/store/sqlite"
)

// fault is what happens to a statement.
type fault int

const (
	none            fault = iota
	timeout               // it was not executed, and there is no answer
	exhausted             // it was refused: busy, or too many connections
	executedTimeout       // it was executed, committed if it was a commit, and there is no answer
)

var faultNames = map[fault]string{timeout: "timeout", exhausted: "exhausted", executedTimeout: "executed, then timeout"}

// dice decides which statements fail. A seed gives the same row of decisions
// every time; which statement meets which depends on who comes first.
type dice struct {
	mu        sync.Mutex
	random    *rand.Rand
	on        bool
	statement float64 // the share of statements that fail
	commit    float64 // the share of commits that fail besides
	asked     int
	commits   int
	faults    map[fault]int
	atCommit  int
}

func newDice(seed uint64) *dice {
	return &dice{random: rand.New(rand.NewPCG(seed, 1)), statement: 0.02, commit: 0.08, faults: map[fault]int{}}
}

func (d *dice) set(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.on = on
}

func (d *dice) throw(commit bool) fault {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.on {
		return none
	}
	share := d.statement
	d.asked++
	if commit {
		share = d.commit
		d.commits++
	}
	if d.random.Float64() >= share {
		return none
	}
	if commit {
		d.atCommit++
	}
	f := fault(1 + d.random.IntN(3))
	d.faults[f]++
	return f
}

func (d *dice) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	total := 0
	for _, n := range d.faults {
		total += n
	}
	return fmt.Sprintf("%5d of %6d statements failed, %4d of %5d commits among them (%d timeout, %d exhausted, %d executed)",
		total, d.asked, d.atCommit, d.commits, d.faults[timeout], d.faults[exhausted], d.faults[executedTimeout])
}

// faultyDriver stands in front of the driver of SQLite.
type faultyDriver struct {
	driver.Driver
	dice *dice
	busy error // as SQLite itself returns it
}

var drivers int

// newFaultyDriver registers a driver and returns its name.
func newFaultyDriver(d *dice) (string, error) {
	busy, err := busyError()
	if err != nil {
		return "", err
	}
	db, err := sql.Open(sqlite.Driver, ":memory:")
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	drivers++
	name := fmt.Sprintf("faulty%d", drivers)
	sql.Register(name, faultyDriver{db.Driver(), d, busy})
	return name, nil
}

// busyError has SQLite say that another process is writing.
func busyError() (busy error, err error) {
	dir, err := os.MkdirTemp("", "steno-busy-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	hold := func() (*sql.DB, error) {
		db, err := sql.Open(sqlite.Driver, filepath.Join(dir, "db"))
		if err == nil {
			db.SetMaxOpenConns(1)
			_, err = db.ExecContext(ctx, "BEGIN IMMEDIATE")
		}
		return db, err
	}
	first, err := hold()
	if err != nil {
		return nil, err
	}
	defer func() { _ = first.Close() }()
	second, busy := hold()
	if busy == nil {
		return nil, errors.New("two writers at once")
	}
	return busy, second.Close()
}

func (d faultyDriver) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return &faultyConn{c.(fullConn), d}, nil //nolint:forcetypeassert // the driver's own
}

// fullConn is what the driver's connections can do.
type fullConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type faultyConn struct {
	fullConn
	d faultyDriver
}

// before returns the error of a statement that is not executed, and after that of
// one that is.
func (d faultyDriver) before(commit bool) (before, after error) {
	switch d.dice.throw(commit) {
	case timeout:
		return context.DeadlineExceeded, nil
	case exhausted:
		return d.busy, nil
	case executedTimeout:
		return nil, context.DeadlineExceeded
	}
	return nil, nil
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	before, after := c.d.before(false)
	if before != nil {
		return nil, before
	}
	r, err := c.fullConn.ExecContext(ctx, query, args)
	if err == nil && after != nil {
		return nil, after
	}
	return r, err
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	before, after := c.d.before(false)
	if before != nil {
		return nil, before
	}
	r, err := c.fullConn.QueryContext(ctx, query, args)
	if err == nil && after != nil {
		drain(r)
		return nil, after
	}
	return r, err
}

// drain executes a statement with RETURNING to its end.
func drain(r driver.Rows) {
	row := make([]driver.Value, len(r.Columns()))
	for r.Next(row) == nil {
	}
	_ = r.Close()
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	before, _ := c.d.before(false)
	if before != nil {
		return nil, before
	}
	tx, err := c.fullConn.BeginTx(ctx, o)
	return faultyTx{tx, c.d}, err
}

type faultyTx struct {
	driver.Tx
	d faultyDriver
}

func (t faultyTx) Commit() error {
	before, after := t.d.before(true)
	if before != nil {
		return errors.Join(before, t.Tx.Rollback())
	}
	return errors.Join(t.Tx.Commit(), after)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return faultyStmt{s.(fullStmt), c.d}, nil //nolint:forcetypeassert // the driver's own
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	fullStmt
	d faultyDriver
}

func (s faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if before, after := s.d.before(false); errors.Join(before, after) != nil {
		return nil, errors.Join(before, after) // it only reads
	}
	return s.fullStmt.QueryContext(ctx, args)
}
