package deliver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/internal/netguard"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/webhook"
)

// testKey is a secret key for tests: 32 bytes of zeros in base64.
const testKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

const team = "team"

// must is for the calls that only fail if the test itself is broken.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// bench is a database with a team, a vault, and a guarded client that may call
// loopback.
type bench struct {
	db     *store.DB
	vault  seal.Webhooks
	client *http.Client
	hooks  webhook.Service
}

func newBench(db *store.DB) bench {
	s, err := seal.Parse(testKey)
	must(err)
	allow, err := netguard.ParseAllow("127.0.0.1/32")
	must(err)
	g := netguard.New(netguard.Options{Allow: allow})
	b := bench{db: db, vault: seal.Webhooks{Sealer: s}, client: g.Client()}
	b.hooks = webhook.Service{Store: db, Vault: b.vault, Validate: g.Validate, Clock: clock.System{}}
	must(db.InTx(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(context.Background(), "INSERT INTO teams (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", team, team, 1)
		return err
	}))
	return b
}

// endpoint adds an endpoint and returns its id and secret.
func (b bench) endpoint(url string) (string, string) {
	e, secret, err := b.hooks.Add(context.Background(), webhook.New{TeamID: team, Name: "test", URL: url})
	must(err)
	return e.ID, secret
}

// emit commits n events of one bot, in transactions of the given size.
func (b bench) emit(bot string, n, each int) {
	for n > 0 {
		size := min(n, each)
		n -= size
		must(b.db.InTx(context.Background(), func(tx *store.Tx) error {
			for range size {
				body, err := webhook.Marshal(webhook.BotStatusChange, map[string]string{"bot_id": bot}, nil)
				if err != nil {
					return err
				}
				e := webhook.Event{TeamID: team, Type: webhook.BotStatusChange, BotID: bot, Payload: body, At: time.Now()}
				if err := tx.EmitWebhook(context.Background(), e); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

func (b bench) options() Options {
	return Options{Queue: b.db, Client: b.client, Secrets: b.vault, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Name: "sender"}
}

// run runs a sender until the test ends or stop is called.
func (b bench) run(t testing.TB, o Options) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := New(o)
	go func() { done <- s.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("sender: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// attempts returns the attempts of all deliveries, oldest first.
func (b bench) attempts(t testing.TB) (out []store.Attempt) {
	t.Helper()
	must(b.db.Read(context.Background(), func(q store.Querier) error {
		rows, err := q.Query(context.Background(), `SELECT a.n, a.status, a.failure, a.error, a.response, d.state, d.next_at
			FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id ORDER BY a.at, a.n`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var a store.Attempt
			var next int64
			if err := rows.Scan(&a.N, &a.Status, &a.Failure, &a.Error, &a.Response, &a.State, &next); err != nil {
				return err
			}
			a.NextAt = time.UnixMilli(next)
			out = append(out, a)
		}
		return rows.Err()
	}))
	return out
}

// count runs a query for a number.
func (b bench) count(query string, args ...any) (n int) {
	must(b.db.Read(context.Background(), func(q store.Querier) error {
		return q.QueryRow(context.Background(), query, args...).Scan(&n)
	}))
	return n
}

// waitFor polls until ok or a deadline far away.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// sink is a receiver that remembers.
type sink struct {
	*httptest.Server
	mu   sync.Mutex
	ids  map[string]int // message id → how often
	all  []request
	keep bool
}

type request struct {
	method string
	header http.Header
	body   []byte
}

// newSink serves h after noting the request; h may be nil.
func newSink(t testing.TB, h http.HandlerFunc) *sink {
	s := &sink{ids: map[string]int{}, keep: true}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.ids[r.Header.Get("webhook-id")]++
		if s.keep {
			s.all = append(s.all, request{r.Method, r.Header.Clone(), body})
		}
		s.mu.Unlock()
		if h != nil {
			h(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *sink) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.all...)
}

// distinct returns how many different messages arrived, and how many requests.
func (s *sink) distinct() (messages, requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.ids {
		requests += n
	}
	return len(s.ids), requests
}

func botName(i int) string { return fmt.Sprintf("bot-%d", i) }
