package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-chi/chi/v5"

	"steno/internal/calendar"
	"steno/internal/transcript"
	"steno/test/hostile"
)

const (
	known    = "0197f000-0000-7000-8000-000000000001"
	stranger = "0197f000-0000-7000-8000-000000000002"
	secret   = known + ".secret"
)

// room takes pushes of one channel.
type room struct {
	mu     sync.Mutex
	taken  []calendar.Push
	calls  int
	hold   chan struct{} // if not nil, Receive waits for it
	begun  chan struct{} // told when Receive begins
	broken error
}

func (r *room) Receive(_ context.Context, pushes []calendar.Push) ([]calendar.PushResult, error) {
	if r.begun != nil {
		r.begun <- struct{}{}
	}
	if r.hold != nil {
		<-r.hold
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.broken != nil {
		return nil, r.broken
	}
	results := make([]calendar.PushResult, len(pushes))
	for i, p := range pushes {
		if p.ChannelID == known && p.Secret == secret {
			results[i] = calendar.PushTaken
			r.taken = append(r.taken, p)
		}
	}
	return results, nil
}

// Receive takes calls about the part known.
func (s scribe) Receive(_ context.Context, name, token string) (bool, error) {
	if name != known || token != secret {
		return false, nil
	}
	s.calls.Add(1)
	return true, s.broken
}

type scribe struct {
	calls  *atomic.Int32
	broken error
}

// What a transcription service says is not looked at, only whether it has the token.
func TestACallOfATranscriptionServiceIsItsToken(t *testing.T) {
	s := scribe{calls: &atomic.Int32{}}
	mux := chi.NewRouter()
	(&Surface{Calendars: &room{}, Transcripts: s, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	const path = "/push/transcription/"
	want := int32(0)
	for name, body := range hostile.Texts(`{"id":"x","event":"transcription.error","error":{"code":400,"message":"no"}}`) {
		if status, _, _ := post(t, server, path+known, body, transcript.CallbackToken, secret); status != http.StatusNoContent {
			t.Errorf("%s: %d", name, status)
		}
		want++
	}
	if status, _, _ := post(t, server, path+known+"?"+transcript.CallbackToken+"="+secret, strings.Repeat("x", 3*maxBody)); status != http.StatusNoContent {
		t.Errorf("a long body: %d", status)
	}
	if want++; s.calls.Load() != want {
		t.Errorf("%d calls of %d are taken", s.calls.Load(), want)
	}
	answers := map[string]bool{}
	for _, w := range hostile.Words {
		for _, address := range []string{path + known + "?" + transcript.CallbackToken + "=" + url.QueryEscape(w), path + url.PathEscape("x"+w) + "?" + transcript.CallbackToken + "=" + secret} {
			status, text, _ := post(t, server, address, strings.Repeat("x", 1000))
			answers[fmt.Sprint(status, text)] = true
		}
	}
	if len(answers) != 1 || !answers["404no such callback\n"] || s.calls.Load() != want {
		t.Errorf("strangers are told %v", answers)
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL+path+known+"?"+transcript.CallbackToken+"="+secret, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
	}
	mux = chi.NewRouter()
	s.broken = errors.New("the database is away")
	(&Surface{Calendars: &room{}, Transcripts: s, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path+known+"?"+transcript.CallbackToken+"="+secret, nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("what cannot be stored is answered with %d", w.Code)
	}
}

func door(t *testing.T, r *room) *httptest.Server {
	t.Helper()
	mux := chi.NewRouter()
	(&Surface{Calendars: r, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func post(t *testing.T, s *httptest.Server, path, body string, header ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Header
}

// Trap 9: Google's messages have no body, and say "exists" for every change.
func TestAMessageOfGoogleIsItsHeaders(t *testing.T) {
	r := &room{}
	s := door(t, r)
	for _, c := range []struct {
		name   string
		header []string
		want   int
	}{
		{"a change", []string{"X-Goog-Channel-ID", known, "X-Goog-Channel-Token", secret, "X-Goog-Resource-State", "exists", "X-Goog-Resource-ID", "r"}, 200},
		{"hello", []string{"X-Goog-Channel-ID", known, "X-Goog-Channel-Token", secret, "X-Goog-Resource-State", "sync"}, 200},
		{"wrong token", []string{"X-Goog-Channel-ID", known, "X-Goog-Channel-Token", secret + "x"}, 404},
		{"no token", []string{"X-Goog-Channel-ID", known}, 404},
		{"another channel", []string{"X-Goog-Channel-ID", stranger, "X-Goog-Channel-Token", secret}, 404},
		{"no channel", nil, 404},
		{"a channel that is no id", []string{"X-Goog-Channel-ID", "1' OR '1'='1", "X-Goog-Channel-Token", "x"}, 404},
	} {
		if got, _, _ := post(t, s, "/push/google", "", c.header...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	if len(r.taken) != 2 || r.taken[0].Hello || r.taken[0].ProviderID != "r" || !r.taken[1].Hello {
		t.Errorf("taken: %+v", r.taken)
	}
}

// The handshake of Graph, which it does while a subscription is being created:
// the token comes back as it is, as plain text.
func TestGraphValidatesTheEndpoint(t *testing.T) {
	r := &room{}
	s := door(t, r)
	for _, token := range []string{"Validation: Testing client application reachability 12", "a+b <script>alert(1)</script> ü%"} {
		for _, path := range []string{"/push/microsoft", "/push/microsoft/lifecycle"} {
			status, body, h := post(t, s, path+"?validationToken="+url.QueryEscape(token), "")
			if status != 200 || body != token || !strings.HasPrefix(h.Get("Content-Type"), "text/plain") || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%d %q %v", status, body, h)
			}
		}
	}
	if status, _, _ := post(t, s, "/push/microsoft?validationToken="+strings.Repeat("x", maxToken+1), ""); status != 400 {
		t.Errorf("a huge token: %d", status)
	}
	if r.calls != 0 {
		t.Error("the room was asked")
	}
}

// Trap 27: a batch with strangers in it.
func TestStrangersInABatchOfGraphHurtNobody(t *testing.T) {
	r := &room{}
	s := door(t, r)
	item := func(state, more string) string {
		return fmt.Sprintf(`{"subscriptionId":"s","clientState":%q%s}`, state, more)
	}
	body := `{"value":[` + strings.Join([]string{
		item(stranger+".secret", ""), item("", ""), item("no dot", ""), item(known+".wrong", ""), item(secret, `,"changeType":"updated","resourceData":{"id":"x"}`),
		item(secret, `,"lifecycleEvent":"reauthorizationRequired"`), item(secret, `,"lifecycleEvent":"subscriptionRemoved"`), item(secret, `,"lifecycleEvent":"missed"`),
	}, ",") + `]}`
	if status, _, _ := post(t, s, "/push/microsoft", body); status != http.StatusAccepted {
		t.Fatalf("%d", status)
	}
	want := []struct{ renew, lost bool }{{false, false}, {true, false}, {true, true}, {false, true}}
	if len(r.taken) != len(want) {
		t.Fatalf("taken: %+v", r.taken)
	}
	for i, w := range want {
		if r.taken[i].Renew != w.renew || r.taken[i].Lost != w.lost || r.taken[i].ProviderID != "s" {
			t.Errorf("number %d: %+v", i, r.taken[i])
		}
	}
	for _, body := range []string{"", "{", `{"value":7}`, "[]", strings.Repeat("x", maxBody+10)} {
		if status, _, _ := post(t, s, "/push/microsoft", body); status != http.StatusBadRequest {
			t.Errorf("%.20q: %d", body, status)
		}
	}
	for _, body := range []string{"{}", `{"value":[]}`, `{"value":[{}]}`} {
		if status, _, _ := post(t, s, "/push/microsoft", body); status != http.StatusAccepted {
			t.Errorf("%q: %d", body, status)
		}
	}
}

// What cannot be stored is to come again.
func TestAPushThatCannotBeStoredIsAskedForAgain(t *testing.T) {
	r := &room{broken: errors.New("the database is away")}
	s := door(t, r)
	for _, status := range []int{
		first(post(t, s, "/push/google", "", "X-Goog-Channel-ID", known, "X-Goog-Channel-Token", secret)),
		first(post(t, s, "/push/microsoft", `{"value":[{"clientState":"`+secret+`"}]}`)),
	} {
		if status != http.StatusServiceUnavailable {
			t.Errorf("%d", status)
		}
	}
}

func first[A, B, C any](a A, _ B, _ C) A { return a }

// Pushes that come while others are being stored are stored together, and each
// hears its own result.
func TestPushesThatComeTogetherAreStoredTogether(t *testing.T) {
	r := &room{hold: make(chan struct{}), begun: make(chan struct{}, 10)}
	b := &inbox{receive: r.Receive}
	var all sync.WaitGroup
	put := func(p calendar.Push, want calendar.PushResult) {
		all.Go(func() {
			if got, err := b.put(t.Context(), []calendar.Push{p}); err != nil || got[0] != want {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	put(calendar.Push{ChannelID: known, Secret: secret}, calendar.PushTaken)
	<-r.begun
	for i := range 100 {
		if i%2 == 0 {
			put(calendar.Push{ChannelID: known, Secret: secret}, calendar.PushTaken)
		} else {
			put(calendar.Push{ChannelID: stranger, Secret: secret}, calendar.PushRefused)
		}
	}
	for waiting := 0; waiting < 100; {
		b.mu.Lock()
		waiting = len(b.pending)
		b.mu.Unlock()
	}
	close(r.hold)
	all.Wait()
	if r.calls != 2 || len(r.taken) != 51 {
		t.Errorf("%d transactions, %d taken", r.calls, len(r.taken))
	}
}
