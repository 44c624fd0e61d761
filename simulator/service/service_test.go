package service

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func running(t *testing.T, o Options) *Core {
	t.Helper()
	c := NewCore(o, nil, nil)
	if err := c.Serve(http.NotFoundHandler()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestOnlyLoopbackIsListenedOn(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "[::]:0", "example.com:80", "nonsense"} {
		c := NewCore(Options{Listen: addr}, nil, nil)
		if err := c.Serve(http.NotFoundHandler()); err == nil {
			t.Errorf("a fake listens on %s", addr)
		}
		c.Close()
	}
}

// inbox collects what pushes say, and answers as it is told.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	got    []string
	status []int // of the next answers; then 200
}

func newInbox(t *testing.T, status ...int) *inbox {
	b := &inbox{status: status}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got = append(b.got, r.URL.Query().Get("n"))
		if len(b.status) > 0 {
			w.WriteHeader(b.status[0])
			b.status = b.status[1:]
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *inbox) send(c *Core, key string, n int) bool {
	return c.Pushes.Send(key, func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprint(b.URL, "?n=", n), http.NoBody)
	})
}

func settle(t *testing.T, c *Core) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := c.Settle(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestPushesOfAChannelComeInOrder(t *testing.T) {
	c, b := running(t, Options{}), newInbox(t)
	var want []string
	for n := range 50 {
		b.send(c, "one", n)
		want = append(want, fmt.Sprint(n))
	}
	settle(t, c)
	if !slices.Equal(b.got, want) {
		t.Errorf("came as %v", b.got)
	}
}

func TestAPushIsTriedAgainOnlyAfterThe5xxThatProvidersRetry(t *testing.T) {
	c := running(t, Options{PushRetry: time.Millisecond})
	again, lost := newInbox(t, 503, 500), newInbox(t, 404)
	again.send(c, "a", 1)
	lost.send(c, "b", 1)
	settle(t, c)
	if len(again.got) != 3 || len(lost.got) != 1 {
		t.Errorf("%d tries after 503 and 500, %d after 404; want 3 and 1", len(again.got), len(lost.got))
	}
	if sent, gone := c.Pushes.Delivered(); sent != 1 || gone != 1 {
		t.Errorf("%d delivered and %d lost, want 1 and 1", sent, gone)
	}
}

func TestPushFaults(t *testing.T) {
	for kind, want := range map[Kind]string{PushDrop: "", PushDuplicate: "0 0 1 1", PushReorder: "1 0"} {
		c, b := running(t, Options{Faults: Faults{kind: 1}}), newInbox(t)
		for n := range 2 {
			if b.send(c, "one", n) == (kind == PushDrop) {
				t.Errorf("%s: Send does not say whether the push is lost", kind)
			}
		}
		settle(t, c)
		if got := strings.Join(b.got, " "); got != want {
			t.Errorf("%s: came as %q, want %q", kind, got, want)
		}
	}
}

func TestAHeldPushComesWithoutANextOne(t *testing.T) {
	c, b := running(t, Options{Faults: Faults{PushReorder: 1}}), newInbox(t)
	b.send(c, "one", 7)
	settle(t, c)
	if len(b.got) != 1 {
		t.Errorf("came: %v", b.got)
	}
}

func TestRatesAreKept(t *testing.T) {
	c := running(t, Options{Seed: 3, Faults: Faults{Gone: .1}})
	n := 0
	for range 10000 {
		if c.Roll(Gone, "x") {
			n++
		}
	}
	if n < 850 || n > 1150 {
		t.Errorf("%d of 10000 at a rate of 0.1", n)
	}
	if c.Chance(Gone, "k") != c.Chance(Gone, "k") {
		t.Error("Chance changed its mind")
	}
}

func TestDecisionsOfOneKeyDoNotDependOnOthers(t *testing.T) {
	run := func(noise int) (out string) {
		c := running(t, Options{Seed: 5, Faults: Faults{Gone: .5}})
		for range 64 {
			for range noise {
				c.Roll(Gone, "other")
			}
			out += fmt.Sprint(c.Roll(Gone, "mine"))[:1]
		}
		return out
	}
	if a, b := run(0), run(3); a != b {
		t.Errorf("%s\n%s", a, b)
	}
}

func TestOneRefreshAtATimeWinsARotatedToken(t *testing.T) {
	c := running(t, Options{})
	c.Grants.Rotate = true
	c.Grants.AddClient("app", "secret")
	token, _ := c.Grants.Issue("ada@example.com", "app", nil)
	var good, spent int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			r := httptest.NewRequest("POST", "/token", strings.NewReader("grant_type=refresh_token&client_id=app&client_secret=secret&refresh_token="+token))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			_, why := c.Grants.Exchange(r)
			mu.Lock()
			defer mu.Unlock()
			switch why {
			case "":
				good++
			case SpentGrant:
				spent++
			}
		})
	}
	wg.Wait()
	if good != 1 || spent != 19 {
		t.Errorf("%d got tokens and %d were told that theirs is spent; want 1 and 19", good, spent)
	}
}
