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

// memory is a queue with one delivery, for hours of virtual time: the real ones
// are slow to poll ten thousand times.
type memory struct {
	mu    sync.Mutex
	claim store.Claim
	next  time.Time
	state webhook.State
}

func (m *memory) DeliveryLanes(context.Context) ([]store.Lane, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.state != webhook.Pending {
		return nil, nil
	}
	return []store.Lane{{Name: "lane", Next: m.next}}, nil
}

func (m *memory) DeliveryTurn(_ context.Context, t store.Turn) (out store.TurnResult, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range t.Attempts {
		m.state, m.next, m.claim.Attempt = a.State, a.NextAt, a.N
	}
	if len(t.Want) > 0 && m.state == webhook.Pending && !m.next.After(t.Lease.Now) {
		m.next = t.Lease.Until
		out.Claims = append(out.Claims, m.claim)
	}
	return out, nil
}

func (m *memory) ReleaseDeliveries(context.Context, string, time.Time) (int64, error) { return 0, nil }
func (m *memory) OnDelivery(func())                                                   {}
func (m *memory) Shared() bool                                                        { return false }

func (m *memory) pending() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state == webhook.Pending
}

// gaps runs a sender in virtual time until nothing is pending, and returns the
// times between the requests.
func gaps(t *testing.T, o Options, w *wire, pending func() bool) (out []time.Duration) {
	t.Helper()
	o.Client = &http.Client{Transport: w}
	o.Clock, o.Log, o.Name = clock.System{}, slog.New(slog.DiscardHandler), "sender"
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New(o).Run(ctx) }()
	for end := time.Now().Add(75 * time.Hour); pending(); {
		if time.Now().After(end) {
			t.Fatal("still pending after 75 hours")
		}
		time.Sleep(time.Second) // virtual
	}
	cancel()
	must(<-done)
	for i := 1; i < len(w.at); i++ {
		out = append(out, w.at[i].Sub(w.at[i-1]))
	}
	return out
}

func vaultOfTest() seal.Webhooks {
	key, err := seal.Parse(testKey)
	must(err)
	return seal.Webhooks{Sealer: key}
}

// delivery is a queued delivery of a kind.
func delivery(kind webhook.Kind) *memory {
	sealed, err := vaultOfTest().SealWebhookSecret(team, "e", webhook.NewSecret())
	must(err)
	if kind == webhook.ToCallback {
		sealed = ""
	}
	return &memory{state: webhook.Pending, claim: store.Claim{
		DeliveryID: "d", MessageID: "msg_1", TeamID: team, EndpointID: "e", Kind: kind, Lane: "lane", Payload: []byte("{}"),
		URL: "http://receiver.example/", Method: "POST", Secret: sealed,
	}}
}

// Proves D4: the sender's retries, in virtual time, come exactly when the table
// says: never early, at most a second late, all with one message id.
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
		kind   webhook.Kind
		want   []time.Duration
	}{
		{"server error", 0.5, all(500, ""), webhook.ToEndpoint, table},
		{"shortest", 0, all(404, ""), webhook.ToEndpoint, times(0.8, table)},
		{"longest", 1 - 1e-9, all(301, ""), webhook.ToEndpoint, times(1.2, table)},
		{"timeout", 0.5, all(0, ""), webhook.ToEndpoint, slow},
		{"retry after", 0.5, all(503, "600"), webhook.ToEndpoint, asked},
		{"third time lucky", 0.5, func(n int) (int, string) { return map[bool]int{true: 200, false: 500}[n == 3], "" }, webhook.ToEndpoint, table[:2]},
		{"callback", 0, all(500, ""), webhook.ToCallback, callback},
		{"callback timeout", 0.9, all(0, ""), webhook.ToCallback, callback},
		{"callback refused", 0.5, all(404, ""), webhook.ToCallback, nil},
		{"callback redirected", 0.5, all(302, ""), webhook.ToCallback, nil},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, m := &wire{answer: c.answer}, delivery(c.kind)
				got := gaps(t, Options{Queue: m, Secrets: vaultOfTest(), Random: func() float64 { return c.random }}, w, m.pending)
				if len(got) != len(c.want) || (c.kind == webhook.ToEndpoint && len(w.ids) != 1) {
					t.Fatalf("%d retries with %d ids: %v", len(got), len(w.ids), got)
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

// The same on a real queue: what is due is read back from the database.
func TestRetriesOfARealQueueComeWhenTheTableSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.SQLite(t)
		must(db.InTx(t.Context(), func(tx *store.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO teams (id, name, created_at) VALUES ($1, $1, 1)", team); err != nil {
				return err
			}
			return tx.EmitCallback(t.Context(), webhook.Callback{TeamID: team, Type: webhook.BotFailed, URL: "http://receiver.example/", Method: "PUT", Payload: []byte("{}"), At: time.Now()})
		}))
		w := &wire{answer: func(int) (int, string) { return 500, "" }}
		pending := func() bool {
			return bench{db: db}.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`) > 0
		}
		got := gaps(t, Options{Queue: db, Secrets: vaultOfTest()}, w, pending)
		for i, want := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second} {
			if len(got) != 3 || want-got[i] > time.Millisecond || got[i]-want > time.Second {
				t.Fatalf("retries after %v", got)
			}
		}
	})
}

func times(f float64, in []time.Duration) (out []time.Duration) {
	for _, d := range in {
		out = append(out, time.Duration(f*float64(d)))
	}
	return out
}
