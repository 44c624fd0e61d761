// Command api measures the API: requests per second and latency of create,
// details and list with 100,000 bots stored, on both databases, beside a
// handler written by hand over net/http and database/sql that makes the same
// queries. Both run in this process and take turns, so that whatever else the
// machine does hits both.
//
//	go run ./test/bench/api [-bots 100000] [-for 500ms] [-rounds 15] [-binary bin/steno]
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"steno/internal/store"
	"steno/internal/store/postgres"
	"steno/internal/store/sqlite"
	"steno/internal/store/storetest"
	"steno/test/internal/bench"
	"steno/test/internal/stand"
)

type options struct {
	bots    int
	length  time.Duration
	rounds  int
	clients int
	binary  string
}

func main() {
	var o options
	flag.IntVar(&o.bots, "bots", 100_000, "bots stored")
	flag.DurationVar(&o.length, "for", 500*time.Millisecond, "length of a run")
	flag.IntVar(&o.rounds, "rounds", 15, "runs of each; the median counts")
	flag.IntVar(&o.clients, "clients", 16, "connections")
	flag.StringVar(&o.binary, "binary", "bin/steno", "the program, for memory and time to ready")
	flag.Parse()
	bench.Main(func() error { return run(o) })
}

func run(o options) error {
	dir, err := os.MkdirTemp("", "steno-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := measure(o, store.Options{DataDir: dir}, "SQLite"); err != nil {
		return fmt.Errorf("SQLite: %w", err)
	}
	if err := idle(o, dir); err != nil {
		return fmt.Errorf("idle server: %w", err)
	}
	url, drop, err := storetest.Database()
	if err != nil {
		return err
	}
	if err := measure(o, store.Options{DatabaseURL: url, DataDir: dir}, bench.PostgreSQL); err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	return drop()
}

// measure fills a database and prints its table.
func measure(o options, so store.Options, name string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, so)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	s, err := stand.Build(ctx, db)
	if err != nil {
		return err
	}
	begin := time.Now()
	ids, err := fill(ctx, s, o.bots)
	if err != nil {
		return err
	}
	pool, closePool, err := openPool(ctx, so)
	if err != nil {
		return err
	}
	defer closePool()
	ours := httptest.NewServer(s.Handler)
	defer ours.Close()
	theirs := httptest.NewServer(&byHand{db: pool, create: s.Bots})
	defer theirs.Close()
	fmt.Printf("\n%s, %d bots (stored in %s), %d connections, median of %d runs of %s each\n\n",
		name, o.bots, time.Since(begin).Round(time.Second), o.clients, o.rounds, o.length)
	fmt.Printf("  %-9s %22s %26s %10s\n", "", "Steno", "by hand", "share")
	fmt.Printf("  %-9s %8s %6s %6s %12s %6s %6s\n", "", "req/s", "p50", "p99", "req/s", "p50", "p99")
	for _, what := range []string{"details", "list", "create"} {
		a, b, err := duel(o, ours.URL, theirs.URL, s.Key, what, ids)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("  %-9s %8.0f %6s %6s %12.0f %6s %6s %9.0f %%\n", what, a.rate, ms(a.p50), ms(a.p99), b.rate, ms(b.p50), ms(b.p99), 100*a.rate/b.rate)
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// openPool opens the database a second time, for the handler by hand.
func openPool(ctx context.Context, o store.Options) (*sql.DB, func(), error) {
	if o.DatabaseURL == "" {
		h, err := sqlite.Open(ctx, o.DataDir, sqlite.Driver)
		if err != nil {
			return nil, nil, err
		}
		return h.Read, func() { _, _ = h.Read.Close(), h.Write.Close() }, nil
	}
	h, err := postgres.Open(ctx, o.DatabaseURL)
	if err != nil {
		return nil, nil, err
	}
	return h.SQL, func() { _ = h.SQL.Close(); h.Pool.Close() }, nil
}

// duel lets both take turns and returns the medians.
func duel(o options, ours, theirs, key, what string, ids []string) (a, b result, err error) {
	var as, bs []result
	for range o.rounds {
		for _, side := range []struct {
			url string
			to  *[]result
		}{{ours, &as}, {theirs, &bs}} {
			r, err := load(o, side.url, key, what, ids)
			if err != nil {
				return a, b, err
			}
			*side.to = append(*side.to, r)
		}
	}
	return median(as), median(bs), nil
}

// request returns the i-th request of a kind.
func request(base, key, what string, ids []string, i int) (*http.Request, error) {
	method, path, body := http.MethodGet, "/v2/bots", http.NoBody
	var r *http.Request
	var err error
	switch what {
	case "details":
		path += "/" + ids[(i*7919)%len(ids)]
	case "create":
		return newCreate(base, key, i)
	}
	r, err = http.NewRequestWithContext(context.Background(), method, base+path, body)
	if err == nil {
		r.Header.Set("x-meeting-baas-api-key", key)
	}
	return r, err
}
