package store_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"sync"
	"testing"

	"steno/internal/fail"
	"steno/internal/job"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

type noop struct {
	N int `json:"n"`
}

func (noop) Kind() string { return "noop" }

func addTeam(ctx context.Context, tx *store.Tx, id string) error {
	_, err := tx.Exec(ctx, "INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3)", id, id, 1)
	return err
}

func count(t *testing.T, db *store.DB, query string, args ...any) int {
	t.Helper()
	var n int
	err := db.Read(t.Context(), func(q store.Querier) error { return q.QueryRow(t.Context(), query, args...).Scan(&n) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

const (
	countTeams = "SELECT COUNT(*) FROM teams"
	countJobs  = "SELECT COUNT(*) FROM river_job"
)

func TestTransactionCommitsFactAndJobTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		nudged := 0
		err := db.InTx(ctx, func(tx *store.Tx) error {
			if err := addTeam(ctx, tx, "a"); err != nil {
				return err
			}
			tx.AfterCommit(func() { nudged++ })
			return tx.Enqueue(ctx, noop{1}, job.Opts{})
		})
		if err != nil {
			t.Fatal(err)
		}
		if teams, jobs := count(t, db, countTeams), count(t, db, countJobs); teams != 1 || jobs != 1 || nudged != 1 {
			t.Errorf("got %d teams, %d jobs, %d nudges; want one of each", teams, jobs, nudged)
		}
	})
}

func TestTransactionRollsBackFactAndJobTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		wrong := errors.New("changed my mind")
		err := db.InTx(ctx, func(tx *store.Tx) error {
			if err := addTeam(ctx, tx, "a"); err != nil {
				return err
			}
			if err := tx.Enqueue(ctx, noop{1}, job.Opts{}); err != nil {
				return err
			}
			tx.AfterCommit(func() { t.Error("nudged after a rollback") })
			return wrong
		})
		if !errors.Is(err, wrong) {
			t.Fatalf("got error %v", err)
		}
		if teams, jobs := count(t, db, countTeams), count(t, db, countJobs); teams != 0 || jobs != 0 {
			t.Errorf("got %d teams, %d jobs; want none", teams, jobs)
		}
	})
}

func TestDuplicateKeyIsReported(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		add := func() error { return db.InTx(ctx, func(tx *store.Tx) error { return addTeam(ctx, tx, "a") }) }
		if err := add(); err != nil {
			t.Fatal(err)
		}
		if err := add(); !errors.Is(err, store.ErrDuplicate) {
			t.Errorf("got %v, want ErrDuplicate", err)
		}
	})
}

// Two writers that add one to the same row must not lose an addition.
func TestConcurrentTransactionsLoseNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		if err := db.InTx(ctx, func(tx *store.Tx) error { return addTeam(ctx, tx, "a") }); err != nil {
			t.Fatal(err)
		}
		const writers, each = 8, 10
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					err := db.InTx(ctx, func(tx *store.Tx) error {
						if _, err := tx.Exec(ctx, "UPDATE teams SET created_at = created_at + 1 WHERE id = $1", "a"); err != nil {
							return err
						}
						return tx.Enqueue(ctx, noop{1}, job.Opts{})
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := count(t, db, "SELECT created_at FROM teams"); got != 1+writers*each {
			t.Errorf("counted %d, want %d", got, 1+writers*each)
		}
		if got := count(t, db, countJobs); got != writers*each {
			t.Errorf("got %d jobs, want %d", got, writers*each)
		}
	})
}

func TestSeveralServersMigrateAtOnce(t *testing.T) {
	storetest.EachEmpty(t, func(t *testing.T, o store.Options) {
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				db, err := store.Open(t.Context(), o)
				if err != nil {
					t.Error(err)
					return
				}
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// A server that dies must look like "try again", never like a fault of ours or
// of the caller (D2).
func TestDatabaseThatIsAwayIsUnavailable(t *testing.T) {
	direct, err := url.Parse(storetest.PostgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	cut := &cable{to: direct.Host}
	direct.Host = cut.plug(t)
	db, err := store.Open(t.Context(), store.Options{DatabaseURL: direct.String()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	cut.pull()
	err = db.InTx(t.Context(), func(tx *store.Tx) error { return addTeam(t.Context(), tx, "a") })
	if !fail.Is(err, fail.Unavailable) {
		t.Errorf("write while the server is away: got %v, want unavailable", err)
	}
	if err := db.Ping(t.Context()); !fail.Is(err, fail.Unavailable) {
		t.Errorf("read while the server is away: got %v, want unavailable", err)
	}
	cut.push()
	if err := db.Ping(t.Context()); err != nil {
		t.Errorf("after the server came back: %v", err)
	}
}

// cable is a TCP proxy that can be pulled and pushed back.
type cable struct {
	to    string
	mu    sync.Mutex
	off   bool
	conns []net.Conn
}

func (c *cable) plug(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		c.pull()
	})
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.join(in)
		}
	}()
	return l.Addr().String()
}

func (c *cable) join(in net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off {
		_ = in.Close()
		return
	}
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		_ = in.Close()
		return
	}
	c.conns = append(c.conns, in, out)
	pipe := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src)
		_, _ = dst.Close(), src.Close()
	}
	go pipe(out, in)
	go pipe(in, out)
}

func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = true
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

func (c *cable) push() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = false
}
