// Command unified measures the merged list of the unified calendar: GET
// /api/v2/calendar/events over ten connections, five of each service, through
// the real HTTP server, with 1,000 to 100,000 events stored, on both databases.
// Beside it run the bare queries, without HTTP, merging and JSON. Both run in
// this process and take turns, so that whatever else the machine does hits both.
//
//	go run ./test/bench/unified [-events 100000] [-requests 1000] [-clients 4] [-profile cpu.pprof]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	api "steno/internal/api/unified"
	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/clock"
	"steno/internal/store"
	"steno/test/internal/bench"
)

type options struct {
	events            []int
	requests, clients int
	profile           string
}

// goal is what 99 of 100 requests are to stay below.
const goal = 30 * time.Millisecond

func main() {
	var o options
	o.events = []int{1_000, 10_000, 100_000}
	flag.Func("events", "only this number of events stored", func(text string) error {
		n, err := strconv.Atoi(text)
		o.events = []int{n}
		return err
	})
	flag.IntVar(&o.requests, "requests", 1000, "requests of each kind and size")
	flag.IntVar(&o.clients, "clients", 4, "clients at a time, for the second row")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile")
	flag.Parse()
	bench.Main(func() error { return bench.Profiled(o.profile, func() error { return run(o) }) })
}

func run(o options) error {
	fmt.Println("| database | events stored | clients | what | p50 ms | p95 ms | p99 ms | times the queries (p50) |\n|---|---|---|---|---|---|---|---|")
	for _, events := range o.events {
		if err := bench.OnSQLite(func(so store.Options) error { return measure(o, so, "SQLite", events) }); err != nil {
			return fmt.Errorf("SQLite, %d events: %w", events, err)
		}
	}
	for _, events := range o.events {
		if err := bench.OnPostgreSQL(func(so store.Options) error { return measure(o, so, bench.PostgreSQL, events) }); err != nil {
			return fmt.Errorf("PostgreSQL, %d events: %w", events, err)
		}
	}
	return nil
}

// stand is the server under test.
type stand struct {
	store  store.Unified
	sqlite bool
	team   string
	conns  []calendar.Connection
	key    string
	url    string
	web    *http.Server
	http   *http.Client
}

func measure(o options, so store.Options, name string, events int) error {
	ctx := context.Background()
	db, err := store.Open(ctx, so)
	if err != nil {
		return err
	}
	defer db.Close()
	s, err := newStand(ctx, db, o.clients)
	if err != nil {
		return err
	}
	defer s.web.Close()
	s.sqlite = name == "SQLite"
	if err := s.fill(ctx, events); err != nil {
		return err
	}
	for _, clients := range []int{1, o.clients} {
		var api, bare []time.Duration
		var mu sync.Mutex
		var wg sync.WaitGroup
		var failed error
		for range clients {
			wg.Go(func() {
				a, b, err := s.takeTurns(ctx, o.requests/clients)
				mu.Lock()
				defer mu.Unlock()
				api, bare = append(api, a...), append(bare, b...)
				if err != nil {
					failed = err
				}
			})
		}
		wg.Wait()
		if failed != nil {
			return failed
		}
		print := func(what string, d []time.Duration, ratio string) {
			fmt.Printf("| %s | %d | %d | %s | %s | %s | %s | %s |\n", name, events, clients, what, ms(at(d, .5)), ms(at(d, .95)), ms(at(d, .99)), ratio)
		}
		print("the queries", bare, "1")
		print("GET /events", api, fmt.Sprintf("%.1f", float64(at(api, .5))/float64(at(bare, .5))))
		if clients == 1 && at(api, .99) > goal {
			fmt.Printf("\nthe goal of %v is missed\n\n", goal)
		}
	}
	return nil
}

func newStand(ctx context.Context, db *store.DB, clients int) (*stand, error) {
	log := slog.New(slog.DiscardHandler)
	accounts := account.New(store.Accounts{DB: db}, clock.System{}, log)
	team, err := accounts.CreateTeam(ctx, "bench")
	if err != nil {
		return nil, err
	}
	s := &stand{store: store.Unified{DB: db}, team: team.ID, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}}
	if s.key, _, err = accounts.CreateKey(ctx, account.NewKey{TeamID: team.ID, Name: "bench", Permission: account.Full}); err != nil {
		return nil, err
	}
	room := &unified.Service{Store: s.store, Clock: clock.System{}, Log: log} // all that is asked for is stored: no service is called
	surface := &api.Surface{Calendar: room, Accounts: accounts, Log: log, Version: "bench"}
	r := chi.NewRouter()
	surface.Mount(r)
	s.web = httpx.Server(httpx.Wrap(r, httpx.Options{Log: log, Clock: clock.System{}, Panic: http.NotFound}), log)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.url = "http://" + l.Addr().String() + "/api/v2/calendar/events"
	go func() { _ = s.web.Serve(l) }() // ends with Close
	return s, nil
}

// takeTurns makes n requests and n times the bare queries.
func (s *stand) takeTurns(ctx context.Context, n int) (api, bare []time.Duration, err error) {
	const warm = 20
	for i := range warm + n {
		begin := time.Now()
		if err := s.request(ctx); err != nil {
			return nil, nil, err
		}
		middle := time.Now()
		if err := s.queries(ctx); err != nil {
			return nil, nil, err
		}
		if i >= warm {
			api, bare = append(api, middle.Sub(begin)), append(bare, time.Since(middle))
		}
	}
	return api, bare, nil
}

func (s *stand) request(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != http.StatusOK || len(text) < 10_000) {
		err = fmt.Errorf("%d: %.300s", res.StatusCode, text)
	}
	return err
}

// queries asks the database what a list of 30 days needs, and does nothing with
// the answer.
func (s *stand) queries(ctx context.Context) error {
	if _, err := s.store.TeamConnections(ctx, s.team); err != nil {
		return err
	}
	now := time.Now()
	w := calendar.Window{Start: now, End: now.Add(unified.DefaultRange)}
	var spans []unified.Span
	for _, c := range s.conns {
		spans = append(spans, unified.Span{CalendarID: c.ID, Window: w, Dates: w})
	}
	picks, err := s.store.Earliest(ctx, s.team, spans, unified.DefaultResults)
	if err != nil {
		return err
	}
	of := map[string]calendar.Platform{}
	for _, c := range s.conns {
		of[c.ID] = c.Platform
	}
	slices.SortFunc(picks, func(a, b unified.Pick) int { return a.Start.Compare(b.Start) })
	n, ids := map[calendar.Platform]int{}, []string{}
	for _, p := range picks {
		if n[of[p.CalendarID]]++; n[of[p.CalendarID]] <= unified.DefaultResults {
			ids = append(ids, p.ID)
		}
	}
	rows, err := s.store.Stored(ctx, s.team, ids)
	if err == nil && len(rows) != 2*unified.DefaultResults {
		err = fmt.Errorf("%d events", len(rows))
	}
	return err
}

func at(d []time.Duration, share float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(share*float64(len(d))))]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
