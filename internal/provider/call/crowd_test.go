package call_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/provider/access"
	"steno/internal/provider/call"
	"steno/internal/provider/providertest"
	"steno/internal/provider/throttle"
)

// mailbox is a service that takes so many calls at a time and refuses the rest.
type mailbox struct {
	places int
	takes  time.Duration
	after  string // Retry-After of a refusal

	mu                           sync.Mutex
	inside, most, served, refuse int
}

func (m *mailbox) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/token") {
		return answer(r, 200, `{"access_token":"a","expires_in":3599,"token_type":"Bearer"}`, nil), nil
	}
	m.mu.Lock()
	if m.inside >= m.places {
		m.refuse++
		m.mu.Unlock()
		h := http.Header{}
		if m.after != "" {
			h.Set("Retry-After", m.after)
		}
		return answer(r, 503, `{"error":{"code":"ErrorServerBusy"}}`, h), nil
	}
	m.inside++
	m.most = max(m.most, m.inside)
	m.mu.Unlock()
	err := throttle.Timer(r.Context(), m.takes)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inside--
	m.served++
	return answer(r, 200, `{}`, nil), err
}

func answer(r *http.Request, status int, body string, h http.Header) *http.Response {
	if h == nil {
		h = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}
}

// server is the caller of one process, with a limiter of its own.
func (m *mailbox) server() *call.Caller {
	c := &call.Caller{
		Service: call.Service{Platform: calendar.Microsoft,
			Classify: func(int, http.Header, []byte) *calendar.Error {
				return &calendar.Error{Kind: calendar.RateLimited, Message: "busy"}
			},
			Crowded: func(*calendar.Error) bool { return true }},
		HTTP: &http.Client{Transport: m}, Clock: clock.System{}, Sleep: throttle.Timer,
		Limiter: throttle.New(throttle.Limits{InFlight: 4}, clock.System{}, throttle.Timer),
	}
	c.Tokens = access.New(access.Endpoint{Platform: calendar.Microsoft, URL: func(calendar.Credentials) (string, error) { return "http://x.test/token", nil }}, c.HTTP, clock.System{}, throttle.Timer)
	return c
}

func read(ctx context.Context, c *call.Caller) error {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://x.test/thing", nil)
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, call.Spec{Op: "read", Account: call.Account{Connection: "c", Store: providertest.Tokens()}}, req)
	return err
}

// Trap 28: the limit of calls at a time counts those of all servers, and each
// server sees only its own.
func TestTrap28ServersThatShareAMailboxAllGetThrough(t *testing.T) {
	for name, m := range map[string]struct {
		servers, calls int
		takes          time.Duration
		after          string
	}{
		"two servers":                    {2, 20, 5 * time.Millisecond, "1"},
		"two servers, slow answers":      {2, 20, 400 * time.Millisecond, "1"},
		"two servers, no Retry-After":    {2, 20, 400 * time.Millisecond, ""},
		"four servers":                   {4, 20, 100 * time.Millisecond, "1"},
		"four servers, and slow answers": {4, 10, 400 * time.Millisecond, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 20 { // the jitter differs
				synctest.Test(t, func(t *testing.T) {
					box := &mailbox{places: 4, takes: m.takes, after: m.after}
					var all sync.WaitGroup
					for range m.servers {
						c := box.server()
						for range m.calls {
							all.Go(func() {
								if err := read(t.Context(), c); err != nil {
									t.Error(err)
								}
							})
						}
					}
					all.Wait()
					if box.served != m.servers*m.calls || box.most != 4 || box.refuse == 0 {
						t.Errorf("%d served, %d at a time, %d refused", box.served, box.most, box.refuse)
					}
					if box.refuse > 2*box.served {
						t.Errorf("%d calls were refused so that %d got through", box.refuse, box.served)
					}
				})
			}
		})
	}
}

// What does not pass in time is the job's turn, with the service's wish.
func TestACrowdThatDoesNotPassIsReported(t *testing.T) {
	for after, want := range map[string]struct {
		calls int
		asked time.Duration
	}{"": {8, 0}, "14": {2, 14 * time.Second}, "16": {1, 16 * time.Second}, "600": {1, 10 * time.Minute}} {
		t.Run("Retry-After "+after, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				box := &mailbox{after: after}
				begin := time.Now()
				err := read(t.Context(), box.server())
				e := calendar.AsError(err)
				if e == nil || e.Kind != calendar.RateLimited || e.RetryAfter != want.asked {
					t.Fatalf("%+v", err)
				}
				if box.refuse != want.calls || time.Since(begin) > throttle.MaxWait {
					t.Errorf("%d calls in %s, want %d within %s", box.refuse, time.Since(begin), want.calls, throttle.MaxWait)
				}
			})
		})
	}
}

// While a call waits for its next try, the mailbox's others wait as well.
func TestACrowdedMailboxIsLeftAloneForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box := &mailbox{after: "3"}
		c := box.server()
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { _ = read(ctx, c) })
		synctest.Wait()
		for range 10 {
			all.Go(func() {
				if err := read(ctx, c); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if box.refuse != 1 {
			t.Errorf("%d calls within the three seconds, want only the first", box.refuse)
		}
		cancel()
		all.Wait()
	})
}
