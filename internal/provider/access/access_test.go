package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
)

var start = time.Date(2026, 11, 12, 9, 0, 0, 0, time.UTC)

// server is a token endpoint that replaces refresh tokens and kills the old
// ones, as the strictest service would.
type server struct {
	*httptest.Server
	mu      sync.Mutex
	live    string
	calls   int
	rotates bool
	// next, if set, answers a call instead.
	next func(w http.ResponseWriter, call int) bool
	form []string
}

func newServer(t *testing.T) *server {
	s := &server{live: "r0", rotates: true}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	r.ParseForm()
	s.form = append(s.form, r.PostForm.Encode())
	if s.next != nil && s.next(w, s.calls) {
		return
	}
	if r.PostForm.Get("refresh_token") != s.live {
		invalidGrant(w)
		return
	}
	body := map[string]any{"access_token": fmt.Sprintf("a%d", s.calls), "expires_in": 3600, "scope": "x y"}
	if s.rotates {
		s.live = fmt.Sprintf("r%d", s.calls)
		body["refresh_token"] = s.live
	}
	json.NewEncoder(w).Encode(body)
}

func invalidGrant(w http.ResponseWriter) {
	w.WriteHeader(http.StatusBadRequest)
	w.Write([]byte(`{"error":"invalid_grant"}`))
}

func (s *server) endpoint() Endpoint {
	return Endpoint{
		Platform: calendar.Microsoft, Scope: "offline_access",
		URL: func(calendar.Credentials) (string, error) { return s.URL, nil },
		Classify: func(_ int, body []byte) *calendar.Error {
			if strings.Contains(string(body), "invalid_grant") {
				return &calendar.Error{Kind: calendar.Revoked}
			}
			return &calendar.Error{Kind: calendar.BadClient}
		},
	}
}

// source returns a Source whose waits end at once.
func (s *server) source(now *time.Time) *Source {
	return New(s.endpoint(), s.Client(), clock.Func(func() time.Time { return *now }),
		func(ctx context.Context, _ time.Duration) error { return ctx.Err() })
}

func loose() *calendar.LooseTokens {
	return calendar.NewLooseTokens(calendar.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "r0"})
}

// Trap 37: every sync refreshes the access token.
func TestTrap37AnAccessTokenIsUsedUntilFiveMinutesBeforeItsEnd(t *testing.T) {
	s, now, tokens := newServer(t), start, loose()
	src := s.source(&now)
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{0, "a1"}, {54*time.Minute + 59*time.Second, "a1"}, {55 * time.Minute, "a2"}, {109 * time.Minute, "a2"}, {110 * time.Minute, "a3"}} {
		now = start.Add(c.after)
		got, client, err := src.Token(t.Context(), tokens, "c")
		if err != nil || got != c.want || client != "id" {
			t.Errorf("after %s: token %q of %q, err %v; want %q", c.after, got, client, err, c.want)
		}
	}
	if want := "client_id=id&client_secret=secret&grant_type=refresh_token&refresh_token=r0&scope=offline_access"; s.form[0] != want {
		t.Errorf("form %s, want %s", s.form[0], want)
	}
	g, _ := tokens.Grant(t.Context(), "c")
	if g.RefreshToken != "r3" || g.PreviousRefresh != "r2" || strings.Join(g.Scopes, " ") != "x y" {
		t.Errorf("stored: refresh %q previous %q scopes %v", g.RefreshToken, g.PreviousRefresh, g.Scopes)
	}
}

// Trap 34: two workers spend the same refresh token.
func TestTrap34TwentySyncsInTwoProcessesMakeOneRefresh(t *testing.T) {
	s, now, tokens := newServer(t), start, loose()
	processes := []*Source{s.source(&now), s.source(&now)}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if got, _, err := processes[i%2].Token(t.Context(), tokens, "c"); err != nil || got != "a1" {
				t.Errorf("token %q, err %v; want a1", got, err)
			}
		})
	}
	wg.Wait()
	if s.calls != 1 {
		t.Errorf("%d token calls, want 1", s.calls)
	}
}

func TestTrap34AfterA401OnlyOneRefreshIsMadeForAll(t *testing.T) {
	s, now, tokens := newServer(t), start, loose()
	src := s.source(&now)
	refused, _, _ := src.Token(t.Context(), tokens, "c")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got, _, err := src.Renew(t.Context(), tokens, "c", refused); err != nil || got != "a2" {
				t.Errorf("token %q, err %v; want a2", got, err)
			}
		})
	}
	wg.Wait()
	if s.calls != 2 {
		t.Errorf("%d token calls, want 2", s.calls)
	}
}

// racing is a store whose lock does not hold: another process has spent the
// token while this one was calling the service.
type racing struct {
	*calendar.LooseTokens
	other calendar.Grant
}

func (r *racing) Grant(ctx context.Context, c string) (calendar.Grant, error) {
	g, err := r.LooseTokens.Grant(ctx, c)
	if r.other.AccessToken != "" {
		return r.other, nil
	}
	return g, err
}

func TestTrap34InvalidGrantIsNotBelievedWhenTheStoredTokenHasChanged(t *testing.T) {
	s, now := newServer(t), start
	s.live = "r-other"
	tokens := &racing{LooseTokens: loose()}
	s.next = func(w http.ResponseWriter, call int) bool {
		// The other process is through by the time of our refusal.
		g, _ := tokens.LooseTokens.Grant(context.Background(), "c")
		g.RefreshToken, g.AccessToken, g.AccessExpires = "r-other", "a-other", start.Add(time.Hour)
		tokens.other = g
		return false
	}
	got, _, err := s.source(&now).Token(t.Context(), tokens, "c")
	if err != nil || got != "a-other" || s.calls != 1 {
		t.Errorf("token %q after %d calls, err %v; want the other process's", got, s.calls, err)
	}
}

// Trap 36: what passes by itself marks a connection revoked.
func TestTrap36OnlyARepeatedInvalidGrantIsTerminal(t *testing.T) {
	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); w.Write([]byte(body)) }
	}
	for _, c := range []struct {
		name  string
		fails int // how many answers are replaced
		with  func(http.ResponseWriter)
		kind  calendar.ErrorKind // empty: a token
	}{
		{"invalid_grant once", 1, invalidGrant, ""},
		{"invalid_grant twice", 9, invalidGrant, calendar.Revoked},
		{"500 once", 1, status(500, ""), ""},
		{"500 always", 9, status(500, `{"error":"invalid_grant"}`), calendar.Transient},
		{"503 always", 9, status(503, `{"error":"temporarily_unavailable"}`), calendar.Transient},
		{"429", 9, status(429, ""), calendar.RateLimited},
		{"408", 9, status(408, ""), calendar.Transient},
		{"an answer that is no JSON", 9, status(200, "<html>"), calendar.Transient},
		{"truncated JSON", 9, status(200, `{"access_token":"abc`), calendar.Transient},
		{"a redirect", 9, status(302, ""), calendar.Transient},
		{"wrong client secret", 9, status(401, `{"error":"invalid_client"}`), calendar.BadClient},
		{"the connection breaks", 9, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, calendar.Transient},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, now, tokens := newServer(t), start, loose()
			s.next = func(w http.ResponseWriter, call int) bool {
				if call > c.fails {
					return false
				}
				c.with(w)
				return true
			}
			got, _, err := s.source(&now).Token(t.Context(), tokens, "c")
			if c.kind == "" {
				if err != nil || got == "" {
					t.Fatalf("err %v, want a token", err)
				}
				return
			}
			e := calendar.AsError(err)
			if e == nil || e.Kind != c.kind || !e.AuthStage || e.Platform != calendar.Microsoft {
				t.Fatalf("err %#v, want kind %s at the auth stage", err, c.kind)
			}
			if strings.Contains(err.Error(), "r0") || strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds a secret: %v", err)
			}
			if g, _ := tokens.Grant(t.Context(), "c"); g.RefreshToken != "r0" || g.AccessToken != "" {
				t.Errorf("a failure changed the stored grant: %+v", g)
			}
		})
	}
}

// failing is a store whose writes fail a number of times.
type failing struct {
	*calendar.LooseTokens
	mu    sync.Mutex
	fails int
}

func (f *failing) Refresh(ctx context.Context, c string, fn func(context.Context, calendar.Grant) (calendar.Grant, error)) (calendar.Grant, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails > 0 {
		f.fails--
		g, _ := f.Grant(ctx, c)
		if _, err := fn(ctx, g); err != nil {
			return g, err
		}
		return g, errors.New("disk full")
	}
	return f.LooseTokens.Refresh(ctx, c, fn)
}

// Trap 35: the rotated token is lost because its write failed.
func TestTrap35ARotatedTokenIsWrittenAgainUntilItIsStored(t *testing.T) {
	s, now := newServer(t), start
	tokens := &failing{LooseTokens: loose(), fails: 5}
	src := s.source(&now)
	got, _, err := src.Token(t.Context(), tokens, "c")
	if err != nil || got != "a1" {
		t.Fatalf("token %q, err %v", got, err)
	}
	g, _ := tokens.Grant(t.Context(), "c")
	if g.RefreshToken != "r1" || g.AccessToken != "a1" || g.PreviousRefresh != "r0" || s.calls != 1 {
		t.Errorf("stored %q, access %q, previous %q after %d calls; want r1, a1, r0 after 1", g.RefreshToken, g.AccessToken, g.PreviousRefresh, s.calls)
	}
}

func TestTrap35ALongOutageOfTheStoreDoesNotLoseTheToken(t *testing.T) {
	s, now := newServer(t), start
	tokens := &failing{LooseTokens: loose(), fails: 1 + writeTries}
	src := s.source(&now)
	if _, _, err := src.Token(t.Context(), tokens, "c"); !calendar.IsKind(err, calendar.Transient) {
		t.Fatalf("err %v, want transient: the store is down", err)
	}
	now = now.Add(2 * time.Hour)
	// The store is back. The kept token goes in first, then it is refreshed.
	if got, _, err := src.Token(t.Context(), tokens, "c"); err != nil || got != "a2" {
		t.Fatalf("token %q, err %v; want a2", got, err)
	}
	if g, _ := tokens.Grant(t.Context(), "c"); g.RefreshToken != "r2" || s.calls != 2 {
		t.Errorf("stored %q after %d calls, want r2 after 2", g.RefreshToken, s.calls)
	}
}

func TestTrap35ALaterConnectIsNotOverwritten(t *testing.T) {
	s, now := newServer(t), start
	tokens := &failing{LooseTokens: loose(), fails: 1 + writeTries}
	src := s.source(&now)
	if _, _, err := src.Token(t.Context(), tokens, "c"); err == nil {
		t.Fatal("want an error")
	}
	tokens.LooseTokens = calendar.NewLooseTokens(calendar.Credentials{ClientID: "id", RefreshToken: "by-user"})
	s.live = "by-user"
	if _, _, err := src.Token(t.Context(), tokens, "c"); err != nil {
		t.Fatal(err)
	}
	if g, _ := tokens.Grant(t.Context(), "c"); g.PreviousRefresh != "by-user" {
		t.Errorf("the user's new token was overwritten: %+v", g)
	}
}

func TestTheTokenBeforeTheRotationIsTriedWhenTheNewOneNeverArrived(t *testing.T) {
	s, now := newServer(t), start
	tokens := loose()
	if _, err := tokens.Refresh(t.Context(), "c", func(_ context.Context, g calendar.Grant) (calendar.Grant, error) {
		g.RefreshToken, g.PreviousRefresh = "dead", "r0"
		return g, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.source(&now).Token(t.Context(), tokens, "c"); err != nil {
		t.Fatalf("err %v, want a token from the previous refresh token", err)
	}
}

func TestACallerThatGivesUpDoesNotStopTheRefresh(t *testing.T) {
	s, now, tokens := newServer(t), start, loose()
	ctx, cancel := context.WithCancel(t.Context())
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s.next = func(http.ResponseWriter, int) bool { close(arrived); <-goOn; return false }
	src := s.source(&now)
	failed := make(chan error)
	go func() {
		_, _, err := src.Token(ctx, tokens, "c")
		failed <- err
	}()
	<-arrived
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("err %v, want the caller's", err)
	}
	waiting := make(chan string)
	go func() {
		got, _, _ := src.Token(t.Context(), tokens, "c")
		waiting <- got
	}()
	close(goOn)
	if got := <-waiting; got != "a1" || s.calls != 1 {
		t.Errorf("token %q after %d calls, want a1 after 1", got, s.calls)
	}
}
