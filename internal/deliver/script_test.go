package deliver

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// hijack takes over the connection and writes raw bytes.
func hijack(w http.ResponseWriter, raw string) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	io.WriteString(c, raw)
	c.Close()
}

// script is a receiver and what one attempt at it must be recorded as.
type script struct {
	name    string
	answer  http.HandlerFunc
	status  int
	failure webhook.Failure
	state   webhook.State
	// wait is the shortest time to the next attempt.
	wait time.Duration
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// Receivers that must not be taken for a success, nor harm the sender.
var scripts = []script{
	{"200", status(200), 200, "", webhook.Delivered, 0},
	{"201 with an endless body", endless(201), 201, "", webhook.Delivered, 0},
	{"204", status(204), 204, "", webhook.Delivered, 0},
	{"299", status(299), 299, "", webhook.Delivered, 0},
	{"301", status(301, "Location", "/elsewhere"), 301, "", webhook.Pending, 4 * time.Second},
	{"302 to a metadata address", status(302, "Location", "http://169.254.169.254/"), 302, "", webhook.Pending, 4 * time.Second},
	{"307", status(307, "Location", "/elsewhere"), 307, "", webhook.Pending, 4 * time.Second},
	{"400", status(400), 400, "", webhook.Pending, 4 * time.Second},
	{"401", status(401), 401, "", webhook.Pending, 4 * time.Second},
	{"404", status(404), 404, "", webhook.Pending, 4 * time.Second},
	{"408", status(408), 408, "", webhook.Pending, 4 * time.Second},
	{"410", status(410), 410, "", webhook.Exhausted, 0},
	{"429", status(429), 429, "", webhook.Pending, 60 * time.Second},
	{"429 with Retry-After", status(429, "Retry-After", "600"), 429, "", webhook.Pending, 600 * time.Second},
	{"429 with a Retry-After beyond the cap", status(429, "Retry-After", "999999"), 429, "", webhook.Pending, webhook.MaxRetryAfter},
	{"500", status(500), 500, "", webhook.Pending, 4 * time.Second},
	{"502", status(502), 502, "", webhook.Pending, 4 * time.Second},
	{"503 with Retry-After", status(503, "Retry-After", "120"), 503, "", webhook.Pending, 120 * time.Second},
	{"504", status(504), 504, "", webhook.Pending, 4 * time.Second},
	{"500 with a 2 GB body", endless(500), 500, "", webhook.Pending, 4 * time.Second},
	{"reset", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "") }, 0, webhook.Network, webhook.Pending, 4 * time.Second},
	{"garbage", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "SSH-2.0-nothing\r\n\x00\xff\xfe") }, 0, webhook.Network, webhook.Pending, 4 * time.Second},
	{"half an answer", func(w http.ResponseWriter, _ *http.Request) {
		hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
	}, 200, "", webhook.Delivered, 0},
	{"a status that is no number", func(w http.ResponseWriter, _ *http.Request) { hijack(w, "HTTP/1.1 OK\r\n\r\n") }, 0, webhook.Network, webhook.Pending, 4 * time.Second},
	{"bytes that are no text", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); w.Write([]byte("a\x00b\xffc")) }, 500, "", webhook.Pending, 4 * time.Second},
}

// endless sends 2 GB unless the sender hangs up.
func endless(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(2<<30))
		w.WriteHeader(code)
		chunk := make([]byte, 64<<10)
		for range (2 << 30) / len(chunk) {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// Proves D5: only 2xx counts, no redirect is followed, Retry-After is honoured,
// 410 ends it, and every kind of broken answer is recorded as what it is.
func TestEveryAnswerIsRecordedAsWhatItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		stop := b.run(t, b.options())
		for _, sc := range scripts {
			s := newSink(t, sc.answer)
			id, _ := b.endpoint(s.URL)
			before := time.Now()
			b.emit("bot", 1, 1)
			waitFor(t, sc.name, func() bool {
				return b.count(`SELECT COUNT(*) FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1`, id) == 1
			})
			a := b.lastAttempt(id)
			if a.Status != sc.status || a.Failure != sc.failure || a.State != sc.state {
				t.Errorf("%s: recorded as status %d, failure %q, state %s (%s)", sc.name, a.Status, a.Failure, a.State, a.Error)
			}
			if in := a.NextAt.Sub(before); a.State == webhook.Pending && (in < sc.wait || in > sc.wait+max(sc.wait/2, 3*time.Second)) {
				t.Errorf("%s: next attempt in %s, want %s", sc.name, in, sc.wait)
			}
			if len(a.Response) > maxResponse+8 || len(a.Error) > maxError+8 {
				t.Errorf("%s: %d bytes of response and %d of error kept", sc.name, len(a.Response), len(a.Error))
			}
			if _, n := s.distinct(); n != 1 {
				t.Errorf("%s: %d requests", sc.name, n)
			}
			if enabled := b.count(`SELECT COUNT(*) FROM webhook_endpoints WHERE id = $1 AND enabled`, id) == 1; enabled == (sc.status == 410) {
				t.Errorf("%s: enabled is %v", sc.name, enabled)
			}
			if sc.status != 410 {
				must(b.hooks.Remove(t.Context(), team, id))
			}
		}
		stop()
	})
}

func (b bench) lastAttempt(endpoint string) (a store.Attempt) {
	must(b.db.Read(context.Background(), func(q store.Querier) error {
		var next int64
		err := q.QueryRow(context.Background(), `SELECT a.n, a.status, a.failure, a.error, a.response, d.state, d.next_at FROM webhook_attempts a
			JOIN webhook_deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1 ORDER BY a.n DESC LIMIT 1`, endpoint).
			Scan(&a.N, &a.Status, &a.Failure, &a.Error, &a.Response, &a.State, &next)
		a.NextAt = time.UnixMilli(next)
		return err
	}))
	return a
}

// A receiver that answers and then trickles its body has answered.
func TestATricklingBodyDoesNotHoldTheMessage(t *testing.T) {
	t.Parallel() // it waits for a limit of five seconds
	b := newBench(storetest.SQLite(t))
	release := make(chan struct{})
	s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.Write([]byte("1"))
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	defer close(release)
	b.endpoint(s.URL)
	b.run(t, b.options())
	b.emit("bot", 1, 1)
	waitFor(t, "the delivery", func() bool { return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`) == 1 })
}

// Private, loopback, link-local and metadata addresses are refused when
// connecting, whatever was stored.
func TestPrivateAddressesAreRefusedWhenConnecting(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db) // allows 127.0.0.1 only
		targets := []string{"http://127.0.0.2:9/", "http://10.0.0.1/", "http://192.168.1.1:8080/x", "http://169.254.169.254/latest/meta-data/",
			"http://[::1]:9/", "http://[fd00:ec2::254]/", "http://0x7f000002/", "http://[::ffff:10.0.0.1]/"}
		for _, u := range targets {
			if _, _, err := b.hooks.Add(t.Context(), webhook.New{TeamID: team, URL: u}); err == nil {
				t.Errorf("%s was accepted", u)
			}
			e, _, err := b.hooks.Add(t.Context(), webhook.New{TeamID: team, URL: "http://example.com/"})
			must(err)
			must(db.InTx(t.Context(), func(tx *store.Tx) error { // as if it had been stored before the rule
				_, err := tx.Exec(t.Context(), `UPDATE webhook_endpoints SET url = $1 WHERE id = $2`, u, e.ID)
				return err
			}))
		}
		b.emit("bot", 1, 1)
		b.run(t, b.options())
		waitFor(t, "all attempts", func() bool { return len(b.attempts(t)) == len(targets) })
		for _, a := range b.attempts(t) {
			if a.Failure != webhook.NotAllowed || a.Status != 0 || !strings.Contains(a.Error, "rule") {
				t.Errorf("recorded %+v", a)
			}
		}
	})
}

// Callbacks: the secret as it is, POST or PUT, 4xx final, 5xx tried again.
func TestCallbacksFollowTheirOwnRules(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		fail := 1
		s := newSink(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/404":
				w.WriteHeader(404)
			case r.URL.Path == "/flaky" && fail > 0:
				fail--
				w.WriteHeader(503)
			}
		})
		b.run(t, b.options())
		for _, c := range []struct{ path, method, secret string }{{"/ok", "PUT", "s3cret, verbatim"}, {"/404", "POST", ""}, {"/flaky", "POST", "x"}} {
			sealed := ""
			if c.secret != "" {
				var err error
				sealed, err = b.vault.SealCallbackSecret(team, "bot", c.secret)
				must(err)
			}
			must(db.InTx(t.Context(), func(tx *store.Tx) error {
				return tx.EmitCallback(t.Context(), webhook.Callback{TeamID: team, BotID: "bot", Type: webhook.BotCompleted, URL: s.URL + c.path, Method: c.method,
					SealedSecret: sealed, Payload: []byte(`{"event":"bot.completed"}`), At: time.Now()})
			}))
			waitFor(t, c.path, func() bool { return b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'pending'`) == 0 })
		}
		got := s.requests()
		if len(got) != 4 {
			t.Fatalf("%d requests, want one, one and two", len(got))
		}
		if r := got[0]; r.method != "PUT" || r.header.Get("x-mb-secret") != "s3cret, verbatim" || r.header.Get("webhook-signature") != "" || r.header.Get("Content-Type") != "application/json" {
			t.Errorf("request %s %v", r.method, r.header)
		}
		if r := got[1]; r.method != "POST" || len(r.header.Values("x-mb-secret")) != 0 {
			t.Errorf("request %s %v", r.method, r.header)
		}
		if d := b.count(`SELECT COUNT(*) FROM webhook_deliveries WHERE state = 'delivered'`); d != 2 {
			t.Errorf("%d delivered", d)
		}
	})
}

// The log and the errors kept never hold what is in a URL's path or query.
func TestErrorsDoNotKeepTheURL(t *testing.T) {
	b := newBench(storetest.SQLite(t))
	s := newSink(t, nil)
	url := s.URL + "/canary?token=canary"
	s.Close()
	b.endpoint(url)
	b.emit("bot", 1, 1)
	b.run(t, b.options())
	waitFor(t, "an attempt", func() bool { return len(b.attempts(t)) == 1 })
	if a := b.attempts(t)[0]; a.Failure != webhook.Network || a.Error == "" || strings.Contains(a.Error, "canary") {
		t.Errorf("recorded %+v", a)
	}
}
