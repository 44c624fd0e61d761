package transcription

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/transcript"
	"steno/simulator/service"
	"steno/simulator/transcription"
)

// called is about how many parts of a bot's recording the service has called.
func (h *house) called(id string) int {
	return h.count("SELECT COUNT(*) FROM transcription_parts WHERE called = TRUE AND transcription_id IN (SELECT id FROM transcriptions WHERE bot_id = $1)", id)
}

// parts are those of a bot's recording, by name.
func (h *house) parts(id string) (order string, list []transcript.Part) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(q store.Querier) error {
		return q.QueryRow(h.t.Context(), "SELECT id FROM transcriptions WHERE bot_id = $1", id).Scan(&order)
	})
	if err == nil {
		list, err = store.Transcriptions{DB: h.db}.Parts(h.t.Context(), order)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return order, list
}

// call asks a path of the server, as a stranger does, and returns what it says.
func (h *house) call(method, path string) string {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.Base+path, strings.NewReader(`{"event":"transcription.success"}`))
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return fmt.Sprint(resp.StatusCode, " ", string(text))
}

// wire is what the service's calls go through.
type wire struct {
	mu     sync.Mutex
	forged string // takes the place of their bodies; empty: they stay
	tokens []string
	told   []int // statuses of the answers
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, r.Header.Get(transcript.CallbackToken)+r.URL.Query().Get(transcript.CallbackToken))
	if w.forged != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(w.forged)), int64(len(w.forged))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		w.told = append(w.told, resp.StatusCode)
	}
	return resp, err
}

func (w *wire) forge(body string) {
	w.mu.Lock()
	w.forged = body
	w.mu.Unlock()
}

// A service that calls is asked once for each part, when it has called: it would not be
// asked for an hour without. Whatever is wrong with a call, the transcript is what the
// service says when it is asked, and nothing is sent twice.
func TestAServiceThatCallsIsAskedOnce(t *testing.T) {
	t.Parallel()
	storetest.EachOptions(t, func(t *testing.T, o store.Options) {
		t.Parallel()
		w, options := &wire{}, polite()
		options.PushClient = &http.Client{Transport: w}
		sim := simulator(t, transcription.Options{Options: options, Work: 300 * time.Millisecond})
		h := openTo(t, o, sim, true, "STENO_LOG_LEVEL=info", "STENO_TRANSCRIPTION_POLL=1h")
		people := conversation(time.Minute)
		n := speakers(people)
		for _, c := range []struct {
			name   string
			kind   service.Kind
			forged string
		}{
			{name: "once"},
			{name: "twice", kind: service.PushDuplicate},
			{name: "before the create call returns", kind: service.PushBeforeReply},
			{name: "with a body that says it has failed", forged: `{"id":"x","event":"transcription.error","error":{"code":400,"message":"no"}}`},
			{name: "with a body without an end", forged: strings.Repeat("x", 5<<20)},
			{name: "at another server", kind: service.PushDrop},
		} {
			t.Run(c.name, func(t *testing.T) {
				jobs := sim.Jobs()
				sim.ResetCalls()
				if c.kind != "" {
					sim.Inject(service.Injection{Method: "push", Kind: c.kind, Times: n})
				}
				w.forge(c.forged)
				id := h.send(nil)
				h.record(id, people, time.Minute)
				if c.kind == service.PushDrop { // it came to another server of the database
					h.eventually("the service has all", 20*time.Second, func() bool { return sim.Jobs()-jobs == n })
					order, parts := h.parts(id)
					for _, p := range parts {
						if err := (store.Transcriptions{DB: h.db}).PutCalled(t.Context(), order, p); err != nil {
							t.Fatal(err)
						}
					}
				}
				h.said(h.ended(id, "completed", time.Minute), people)
				if sim.Jobs()-jobs != n || sim.Calls("upload") != n || sim.Calls("create") != n || sim.Calls("get") != n {
					t.Errorf("of %d people %d jobs: %v", n, sim.Jobs()-jobs, sim.AllCalls())
				}
			})
		}
		for _, status := range w.told {
			if status != http.StatusNoContent {
				t.Errorf("a call was answered with %d", status)
			}
		}
		log, err := os.ReadFile(filepath.Join(h.data, "serve.log"))
		if err != nil || !strings.Contains(string(log), "/push/transcription/") {
			t.Errorf("no call is in the log: %v", err)
		}
		for _, token := range w.tokens {
			if len(token) < 40 || strings.Contains(string(log), token) {
				t.Errorf("the token %q is in the log", token)
			}
		}
	})
}

// A service that never calls is asked all the same, and strangers cannot call in its
// place.
func TestAServiceThatNeverCallsIsAsked(t *testing.T) {
	t.Parallel()
	sim := simulator(t, transcription.Options{Options: polite(), Work: 3 * time.Second})
	h := openTo(t, store.Options{DataDir: t.TempDir()}, sim, true, "STENO_TRANSCRIPTION_POLL=2s")
	sim.Inject(service.Injection{Method: "push", Kind: service.PushDrop, Times: -1})
	people := conversation(time.Minute)
	id := h.send(nil)
	h.record(id, people, time.Minute)
	h.eventually("the service has all", 20*time.Second, func() bool { return sim.Jobs() == speakers(people) })
	order, parts := h.parts(id)
	for _, name := range []string{parts[0].In(order), transcript.Part{}.In(id), "x", "0.0-0"} {
		for _, token := range []string{"", "wrong", strings.Repeat("A", 43)} {
			path := "/push/transcription/" + name + "?" + url.Values{transcript.CallbackToken: {token}}.Encode()
			if got := h.call(http.MethodPost, path); got != "404 no such callback\n" {
				t.Errorf("%s with the token %q: %s", name, token, got)
			}
			if got := h.call(http.MethodGet, path); !strings.HasPrefix(got, "405 ") {
				t.Errorf("GET %s: %s", path, got)
			}
		}
	}
	h.said(h.ended(id, "completed", time.Minute), people)
	if n := h.called(id); n != 0 {
		t.Errorf("%d parts were called about", n)
	}
	if n := speakers(people); sim.Jobs() != n || sim.Calls("upload") != n {
		t.Errorf("of %d people %d jobs: %v", n, sim.Jobs(), sim.AllCalls())
	}
}

// The other service with jobs calls as well; what callers see of its answers does not
// hold the token. The data of a bot may be deleted meanwhile.
func TestCallsOfAssemblyAI(t *testing.T) {
	t.Parallel()
	w, options := &wire{}, polite()
	options.PushClient = &http.Client{Transport: w}
	sim := simulator(t, transcription.Options{Service: "assemblyai", Options: options, Work: 300 * time.Millisecond})
	h := openTo(t, store.Options{DataDir: t.TempDir()}, nil, true, "STENO_ASSEMBLYAI_URL="+sim.Address(), "STENO_ASSEMBLYAI_KEY="+transcription.Key, "STENO_TRANSCRIPTION_POLL=1h")
	people := conversation(time.Minute)
	n := speakers(people)
	id := h.send(nil)
	h.record(id, people, time.Minute)
	d := h.ended(id, "completed", time.Minute)
	h.said(d, people)
	if sim.Jobs() != n || sim.Calls("upload") != n || sim.Calls("get") != n || len(w.tokens) != n {
		t.Errorf("of %d people %d jobs, %d calls: %v", n, sim.Jobs(), len(w.tokens), sim.AllCalls())
	}
	raw := string(h.get(*d.RawTranscription))
	if !strings.Contains(raw, "webhook_url") {
		t.Error("the raw transcription does not hold the whole answer")
	}
	for _, token := range w.tokens {
		if len(token) < 40 || strings.Contains(raw, token) {
			t.Errorf("the token %q is in the raw transcription", token)
		}
	}
	sim.Inject(service.Injection{Method: "push", Kind: service.Slow, Times: n}) // they come when the data are gone
	another := h.send(nil)
	h.record(another, people, time.Minute)
	h.eventually("the service has all", 20*time.Second, func() bool { return sim.Jobs() == 2*n })
	if err := h.Do(t.Context(), http.MethodDelete, "/v2/bots/"+another+"/delete-data?delete_from_provider=false", nil, nil); err != nil {
		t.Fatal(err)
	}
	h.eventually("the calls are taken all the same", 30*time.Second, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.told) == 2*n
	})
	for _, status := range w.told {
		if status != http.StatusNoContent {
			t.Errorf("a call was answered with %d", status)
		}
	}
	if got := h.called(another); got != 0 || sim.Calls("get") != n {
		t.Errorf("%d parts were called about after the end: %v", got, sim.AllCalls())
	}
}
