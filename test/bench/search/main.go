// Command search measures GET /v2/transcripts/search through the real HTTP server,
// over 1,000 and 10,000 transcripts of 300 utterances each, on both databases. It
// also tells what a transcript costs to take in and how large it is, and as a floor
// what the same costs without an index: LIKE over the same rows, in the same run.
//
//	go run ./test/bench/search [-transcripts 10000] [-utterances 300] [-requests 200] [-database sqlite|postgres]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	v2 "steno/internal/api/v2"
	"steno/internal/clock"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/internal/store/sqlite"
	"steno/internal/transcript"
	"steno/test/internal/bench"
)

type options struct {
	transcripts          []int
	utterances, requests int
	database, profile    string
}

// goal is what 99 of 100 searches are to stay below.
const goal = 50 * time.Millisecond

func main() {
	o := options{transcripts: []int{1_000, 10_000}}
	flag.Func("transcripts", "only this number of transcripts", func(text string) error {
		n, err := strconv.Atoi(text)
		o.transcripts = []int{n}
		return err
	})
	flag.IntVar(&o.utterances, "utterances", 300, "utterances of a transcript")
	flag.IntVar(&o.requests, "requests", 200, "requests of each kind")
	flag.StringVar(&o.database, "database", "", "only sqlite or postgres")
	flag.StringVar(&o.profile, "profile", "", "file for a CPU profile")
	flag.Parse()
	bench.Main(func() error { return bench.Profiled(o.profile, func() error { return run(o) }) })
}

func run(o options) error {
	if o.database != "postgres" {
		for _, n := range o.transcripts {
			if err := bench.OnSQLite(func(so store.Options) error { return measure(o, so, "SQLite", n) }); err != nil {
				return err
			}
		}
	}
	if o.database == "sqlite" {
		return nil
	}
	for _, n := range o.transcripts {
		if err := bench.OnPostgreSQL(func(so store.Options) error { return measure(o, so, bench.PostgreSQL, n) }); err != nil {
			return err
		}
	}
	return nil
}

// stand is the server under test.
type stand struct {
	db   *store.DB
	dir  string // of SQLite
	team string
	key  string
	url  string
}

func measure(o options, so store.Options, name string, transcripts int) error {
	ctx := context.Background()
	db, err := store.Open(ctx, so)
	if err != nil {
		return err
	}
	defer db.Close()
	s := &stand{db: db}
	if so.DatabaseURL == "" {
		s.dir = so.DataDir
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	accounts := account.New(store.Accounts{DB: db}, clock.System{}, log)
	red, err := accounts.CreateTeam(ctx, "red")
	if err != nil {
		return err
	}
	blue, err := accounts.CreateTeam(ctx, "blue")
	if err != nil {
		return err
	}
	s.team = red.ID
	if s.key, _, err = accounts.CreateKey(ctx, account.NewKey{TeamID: red.ID, Name: "bench", Permission: account.Full}); err != nil {
		return err
	}
	c := newCorpus()
	took, size, err := s.fill(ctx, c, transcripts, o.utterances, blue.ID)
	if err != nil {
		return err
	}
	fmt.Printf("\n%s, %d transcripts of %d utterances, and a tenth as many of another team. To take one more in: p50 %.1f ms, p99 %.1f ms; each takes %.0f kB.\n\n",
		name, transcripts, o.utterances, ms(at(took, 50)), ms(at(took, 99)), float64(size)/float64(transcripts+transcripts/10)/1000)
	r := chi.NewRouter()
	(&v2.Surface{Accounts: accounts, Transcripts: &transcript.Searcher{Finder: store.Search{DB: db}}, Clock: clock.System{}, Log: log, Version: "bench"}).Mount(r)
	web := httptest.NewServer(r)
	defer web.Close()
	s.url = web.URL
	return s.search(ctx, c, o.requests)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func at(all []time.Duration, percent int) time.Duration {
	slices.Sort(all)
	return all[min(len(all)-1, len(all)*percent/100)]
}

// last is how many transcripts in the end are measured while they are taken in.
const last = 200

// fill takes transcripts in, a transaction each, as the job does that ends a
// transcription, and tells how long the last ones took.
func (s *stand) fill(ctx context.Context, c *corpus, transcripts, utterances int, other string) (took []time.Duration, size int64, err error) {
	before, err := s.size(ctx)
	if err != nil {
		return nil, 0, err
	}
	all := transcripts + transcripts/10
	for i := range all {
		said := c.meeting(utterances)
		begun := time.Now()
		if err := s.db.InTx(ctx, func(tx *store.Tx) error { return s.put(ctx, tx, i, said, other) }); err != nil {
			return nil, 0, err
		}
		if i >= all-last {
			took = append(took, time.Since(begun))
		}
	}
	if s.dir == "" { // as its own housekeeping does after a while
		if err := s.exec(ctx, "VACUUM ANALYZE search_utterances"); err != nil {
			return nil, 0, err
		}
	}
	after, err := s.size(ctx)
	return took, after - before, err
}

var firstDay = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// put stores the i-th bot with its transcript; one of eleven is another team's.
func (s *stand) put(ctx context.Context, tx *store.Tx, i int, said []transcript.Indexed, other string) error {
	team, id := s.team, ident.New()
	if i%11 == 10 {
		team = other
	}
	_, err := tx.Exec(ctx, `INSERT INTO bots (id, team_id, name, name_folded, meeting_url, meeting_key, platform, mode, status, created_at, updated_at)
		VALUES ($1, $2, 'N', 'n', 'https://meet.example/x', $3, 'meet', 'speaker_view', 'completed', $4, $4)`,
		id, team, fmt.Sprint("meet:", i%500), firstDay.Add(time.Duration(i)*40*time.Minute).UnixMilli())
	if err != nil {
		return err
	}
	return tx.Index().Put(ctx, team, id, said)
}

func (s *stand) size(ctx context.Context) (n int64, err error) {
	if s.dir != "" {
		info, err := os.Stat(filepath.Join(s.dir, sqlite.File))
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	}
	err = s.db.Read(ctx, func(q store.Querier) error {
		return q.QueryRow(ctx, "SELECT pg_total_relation_size('search_utterances')").Scan(&n)
	})
	return n, err
}

// exec runs a statement that must not be in a transaction.
func (s *stand) exec(ctx context.Context, statement string) error {
	return s.db.Read(ctx, func(q store.Querier) error {
		rows, err := q.Query(ctx, statement)
		if err != nil {
			return err
		}
		return rows.Close()
	})
}

// query makes a search of some kind.
type query struct {
	name string
	make func(c *corpus) url.Values
}

func text(t string) url.Values { return url.Values{"q": {t}} }

func (c *corpus) rank(from, to int) string { return c.words[from+c.rng.IntN(to-from)] }

var queries = []query{
	{"a word that is said all the time", func(c *corpus) url.Values { return text(c.rank(0, 20)) }},
	{"a frequent word", func(c *corpus) url.Values { return text(c.rank(100, 1000)) }},
	{"a rare word", func(c *corpus) url.Values { return text(c.rank(10_000, 30_000)) }},
	{"two frequent words", func(c *corpus) url.Values { return text(c.rank(50, 500) + " " + c.rank(50, 500)) }},
	{"three words", func(c *corpus) url.Values {
		return text(c.rank(20, 200) + " " + c.rank(200, 2000) + " " + c.rank(20, 200))
	}},
	{"a phrase of two frequent words", func(c *corpus) url.Values { return text(`"` + c.rank(0, 200) + " " + c.rank(0, 200) + `"`) }},
	{"the beginning of a word", func(c *corpus) url.Values {
		w := []rune(c.rank(100, 10_000))
		for len(w) < 3 { // fewer are refused before a star
			w = []rune(c.rank(100, 10_000))
		}
		return text(string(w[:min(len(w), 4)]) + "*")
	}},
	{"a frequent word by a speaker", func(c *corpus) url.Values {
		return url.Values{"q": {c.rank(0, 300)}, "speaker": {c.names[c.rng.IntN(len(c.names))]}}
	}},
	{"a frequent word in ten days", func(c *corpus) url.Values {
		return url.Values{"q": {c.rank(100, 1000)}, "created_after": {"2025-01-10T00:00:00Z"}, "created_before": {"2025-01-20T00:00:00Z"}}
	}},
	{"a word that nobody says", func(*corpus) url.Values { return text("nobodysaysthis") }},
}

func (s *stand) search(ctx context.Context, c *corpus, requests int) error {
	fmt.Println("| search | found on a page | p50 ms | p99 ms |\n|---|---|---|---|")
	var all []time.Duration
	for _, q := range queries {
		var took []time.Duration
		found := 0
		for range requests {
			n, d, err := s.ask(ctx, q.make(c))
			if err != nil {
				return err
			}
			found, took = found+n, append(took, d)
		}
		all = append(all, took...)
		fmt.Printf("| %s | %.1f | %.1f | %.1f |\n", q.name, float64(found)/float64(requests), ms(at(took, 50)), ms(at(took, 99)))
	}
	verdict := "met"
	if at(all, 99) > goal {
		verdict = "MISSED"
	}
	fmt.Printf("| all | | %.1f | %.1f, goal %.0f: %s |\n", ms(at(all, 50)), ms(at(all, 99)), ms(goal), verdict)
	for _, floor := range []struct{ name, word string }{{"a rare word, LIKE", c.rank(10_000, 30_000)}, {"a frequent word, LIKE", c.rank(100, 1000)}} {
		var took []time.Duration
		for range 3 {
			d, err := s.like(ctx, floor.word)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		fmt.Printf("| %s | | %.1f | |\n", floor.name, ms(at(took, 50)))
	}
	return nil
}

func (s *stand) ask(ctx context.Context, q url.Values) (found int, took time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v2/transcripts/search?"+q.Encode(), nil)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set(v2.KeyHeader, s.key)
	begun := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took = time.Since(begun)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", q.Encode(), resp.Status, strings.TrimSpace(string(body)))
	}
	if err != nil {
		return 0, 0, err
	}
	var out struct{ Data []struct{} }
	err = json.Unmarshal(body, &out)
	return len(out.Data), took, err
}

// like searches without an index.
func (s *stand) like(ctx context.Context, word string) (time.Duration, error) {
	begun := time.Now()
	err := s.db.Read(ctx, func(q store.Querier) error {
		rows, err := q.Query(ctx, `SELECT u.id FROM search_utterances u JOIN search_transcripts t ON t.slot = u.id >> 16
			WHERE t.team_id = $1 AND u.text LIKE $2 ORDER BY u.id DESC LIMIT 21`, s.team, "%"+word+"%")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
		}
		return rows.Err()
	})
	return time.Since(begun), err
}
