package deliver

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/clock"
	"steno/internal/seal"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// wire is a network of the test's own: it answers each request from a script
// and notes when it came.
type wire struct {
	mu     sync.Mutex
	at     []time.Time
	ids    map[string]bool
	answer func(n int) (int, string) // status and Retry-After of the n-th request
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	io.Copy(io.Discard, r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at = append(w.at, time.Now())
	if w.ids == nil {
		w.ids = map[string]bool{}
	}
	w.ids[r.Header.Get("svix-id")] = true
	status, after := w.answer(len(w.at))
	if status == 0 {
		return nil, context.DeadlineExceeded
	}
	h := http.Header{}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(nil)), Request: r}, nil
}

// gaps runs a sender in virtual time until nothing is pending, and returns the
// times between the requests.
func gaps(t *testing.T, random float64, answer func(n int) (int, string), emit func(b bench, tx *store.Tx) error) (out []time.Duration, ids int) {
	t.Helper()
	db := storetest.SQLite(t)
	key, err := seal.Parse(testKey)
	must(err)
	w := &wire{answer: answer}
	b := bench{db: db, vault: seal.Webhooks{Sealer: key}, client: &http.Client{Transport: w}}
	b.hooks = webhook.Service{Store: db, Vault: b.vault, Validate: func(string) error { return nil }, Clock: clock.System{}}
	must(db.InTx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO teams (id, name, created_at) VALUES ('team', 'team', 1)")
		return err
	}))
	b.endpoint("http://receiver.example/")
	must(db.InTx(t.Context(), func(tx *store.Tx) error { return emit(b, tx) }))
	o := b.options()
	o.Random = func() float64 { return random }
	o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(o).Run(ctx) }()
	for end := time.Now().Add(75 * time.Hour); b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`) > 0; {
		if time.Now().After(end) {
			t.Fatal("still pending after 75 hours")
		}
		time.Sleep(10 * time.Second) // virtual
	}
	cancel()
	must(<-done)
	for i := 1; i < len(w.at); i++ {
		out = append(out, w.at[i].Sub(w.at[i-1]))
	}
	return out, len(w.ids)
}

func toEndpoint(b bench, tx *store.Tx) error {
	return tx.EmitWebhook(context.Background(), webhook.Event{TeamID: team, Type: webhook.BotCompleted, Payload: []byte("{}"), At: time.Now()})
}

func toCallback(_ bench, tx *store.Tx) error {
	return tx.EmitCallback(context.Background(), webhook.Callback{TeamID: team, Type: webhook.BotFailed, URL: "http://receiver.example/", Method: "POST", Payload: []byte("{}"), At: time.Now()})
}

// Proves D4: the retries of a real sender on a real queue, in virtual time,
// come exactly when the table says: never early, at most a second late, all
// with one message id.
func TestRetriesComeWhenTheTableSays(t *testing.T) {
	all := func(status int, after string) func(int) (int, string) {
		return func(int) (int, string) { return status, after }
	}
	table := []time.Duration{5 * time.Second, 10 * time.Second, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	slow := []time.Duration{time.Minute, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	asked := []time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	callback := []time.Duration{time.Second, 5 * time.Second, 15 * time.Second}
	cases := []struct {
		name   string
		random float64
		answer func(int) (int, string)
		emit   func(bench, *store.Tx) error
		want   []time.Duration
	}{
		{"server error", 0.5, all(500, ""), toEndpoint, table},
		{"shortest", 0, all(404, ""), toEndpoint, times(0.8, table)},
		{"longest", 1 - 1e-9, all(301, ""), toEndpoint, times(1.2, table)},
		{"timeout", 0.5, all(0, ""), toEndpoint, slow},
		{"retry after", 0.5, all(503, "600"), toEndpoint, asked},
		{"third time lucky", 0.5, func(n int) (int, string) { return map[bool]int{true: 200, false: 500}[n == 3], "" }, toEndpoint, table[:2]},
		{"callback", 0, all(500, ""), toCallback, callback},
		{"callback timeout", 0.9, all(0, ""), toCallback, callback},
		{"callback refused", 0.5, all(404, ""), toCallback, nil},
		{"callback redirected", 0.5, all(302, ""), toCallback, nil},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got, ids := gaps(t, c.random, c.answer, c.emit)
				if len(got) != len(c.want) || ids != 1 {
					t.Fatalf("%d retries with %d ids: %v", len(got), ids, got)
				}
				for i := range got {
					// Due times are kept in whole milliseconds.
					if early := c.want[i] - got[i]; early > time.Millisecond || -early > time.Second+time.Millisecond {
						t.Errorf("retry %d after %s, want %s", i+1, got[i], c.want[i])
					}
				}
			})
		})
	}
}

func times(f float64, in []time.Duration) (out []time.Duration) {
	for _, d := range in {
		out = append(out, time.Duration(f*float64(d)))
	}
	return out
}
