// Package providertest is the test equipment of calendar providers: a fake
// service that a test scripts answer by answer, a clock that moves when
// somebody sleeps, and a conformance suite that every provider passes against
// its simulator.
package providertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/netguard"
)

// Start is when the Clock of a test begins.
var Start = time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC)

// Clock moves only when somebody sleeps. It is safe for concurrent use.
type Clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

// NewClock returns a Clock that stands at Start.
func NewClock() *Clock { return &Clock{now: Start} }

// Now implements clock.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Sleep is a throttle.Sleep that takes no time.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d > 0 {
		c.now = c.now.Add(d)
		c.slept = append(c.slept, d)
	}
	return ctx.Err()
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Slept returns how long somebody slept, in order.
func (c *Clock) Slept() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.slept...)
}

// Request is a call that reached a Fake.
type Request struct {
	Method, Host, Path string
	Query              url.Values
	Header             http.Header
	Body               string
}

// JSON reads the body.
func (r Request) JSON(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.Body), &m); err != nil {
		t.Fatalf("%s %s: body %q: %v", r.Method, r.Path, r.Body, err)
	}
	return m
}

// Fake is a service whose answers a test writes. Token calls are answered by
// itself.
type Fake struct {
	*httptest.Server
	t       *testing.T
	handler func(w http.ResponseWriter, r Request)

	mu       sync.Mutex
	requests []Request
	tokens   int
}

// NewFake starts a Fake. The handler may be called from several goroutines;
// what it changes in one call is seen by those that come after its answer.
func NewFake(t *testing.T, handler func(w http.ResponseWriter, r Request)) *Fake {
	f := &Fake{t: t, handler: handler}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// ServeHTTP records the call and answers it.
func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.t.Errorf("%s %s: read body: %v", r.Method, r.URL.Path, err)
	}
	if strings.HasSuffix(r.URL.Path, "/token") {
		f.mu.Lock()
		f.tokens++
		n := f.tokens
		f.mu.Unlock()
		Answer(w, 200, map[string]any{"access_token": "access-" + string(rune('0'+n%10)), "expires_in": 3599, "token_type": "Bearer"})
		return
	}
	q := Request{Method: r.Method, Host: r.Host, Path: r.URL.EscapedPath(), Query: r.URL.Query(), Header: r.Header, Body: string(body)}
	f.mu.Lock()
	f.requests = append(f.requests, q)
	f.mu.Unlock()
	// Before the answer leaves, or the connection breaks: the next call may come
	// by another connection, and nothing else orders the two.
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
	}()
	f.handler(w, q)
}

// Requests returns the calls so far, without those for tokens.
func (f *Fake) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Request(nil), f.requests...)
}

// TokenCalls returns how often an access token was fetched.
func (f *Fake) TokenCalls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tokens
}

// HTTP returns the client that a provider gets in production, for this server.
func (f *Fake) HTTP() *http.Client {
	s, err := netguard.NewService(netguard.Options{}, f.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Close)
	return s.Client()
}

// Answer writes JSON: a value, or text as it is.
func Answer(w http.ResponseWriter, status int, body any) {
	text, ok := body.(string)
	if !ok {
		b, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		text = string(b)
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the caller may have gone, on purpose
}

// Tokens returns a store that knows one grant.
func Tokens() *calendar.LooseTokens {
	return calendar.NewLooseTokens(calendar.Credentials{ClientID: "client", ClientSecret: "very-secret", RefreshToken: "refresh-secret", Tenant: "common"})
}
