package contract

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Watch holds every answer that passes by against the reference, and counts
// which operations answered with which status. It may be used by several
// goroutines.
type Watch struct {
	// Failed is told what an answer or a payload breaks.
	Failed func(format string, args ...any)

	mu   sync.Mutex
	seen map[string]map[int]int // by operation and status
}

// Handler watches what a handler answers.
func (w *Watch) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		method, path := r.Method, r.URL.Path // handlers may change them
		kept := &keeper{ResponseWriter: out}
		next.ServeHTTP(kept, r)
		w.Note(method, path, kept.code(), kept.Header(), kept.body.Bytes())
	})
}

// Transport watches what a server answers.
func (w *Watch) Transport(next http.RoundTripper) http.RoundTripper {
	return tripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil || referenceOf(r.URL.Path) == nil {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body))
		if err == nil {
			w.Note(r.Method, r.URL.Path, resp.StatusCode, resp.Header, body)
		}
		return resp, err
	})
}

type tripper func(*http.Request) (*http.Response, error)

// RoundTrip calls the function.
func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// Note checks and counts an answer.
func (w *Watch) Note(method, path string, status int, header http.Header, body []byte) {
	path = strings.TrimRight(path, "/")
	ref := referenceOf(path)
	if header.Get("Content-Type") == "text/event-stream" && ours(method, path) {
		return // no JSON
	}
	if ref == nil || method == http.MethodHead || path == "/v2/openapi.json" || path == "/api/v2/calendar/openapi.json" {
		return
	}
	if bad := ref.Answer(method, path, status, header, body); len(bad) > 0 {
		w.Failed("%s %s answers %d, which breaks the reference:\n  %s\n  %.2000s", method, path, status, strings.Join(bad, "\n  "), body)
	}
	if o, ok := ref.Find(method, path); ok {
		w.count(o.ID, status, 1)
	}
}

func (w *Watch) count(id string, status, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil {
		w.seen = map[string]map[int]int{}
	}
	if w.seen[id] == nil {
		w.seen[id] = map[int]int{}
	}
	w.seen[id][status] += n
}

// Add adds what another one has seen.
func (w *Watch) Add(other *Watch) {
	other.mu.Lock()
	defer other.mu.Unlock()
	for id, statuses := range other.seen {
		for status, n := range statuses {
			w.count(id, status, n)
		}
	}
}

// Message checks and counts the payload of a webhook.
func (w *Watch) Message(event string, payload []byte) {
	w.payload("webhook "+event, Load().Message(event, payload), payload)
}

// Callback is Message for callbacks.
func (w *Watch) Callback(event string, payload []byte) {
	w.payload("callback "+event, Load().Callback(event, payload), payload)
}

func (w *Watch) payload(what string, bad []string, payload []byte) {
	if len(bad) > 0 {
		w.Failed("the %s breaks the reference:\n  %s\n  %.2000s", what, strings.Join(bad, "\n  "), payload)
	}
	w.count(what, 0, 1)
}

// Told returns how often the reference's webhooks and callbacks were seen, by
// "webhook bot.failed" and the like.
func (w *Watch) Told() map[string]int {
	out := map[string]int{}
	for event := range Load().Webhooks {
		out["webhook "+event] = w.Count("webhook "+event, 0)
	}
	for event := range Load().Callbacks {
		out["callback "+event] = w.Count("callback "+event, 0)
	}
	return out
}

// ToldTable shows how often each of the reference's webhooks and callbacks was
// seen, a dash for never.
func (w *Watch) ToldTable() string {
	told, b := w.Told(), &strings.Builder{}
	for _, what := range slices.Sorted(maps.Keys(told)) {
		n := "-"
		if told[what] > 0 {
			n = strconv.Itoa(told[what])
		}
		fmt.Fprintf(b, "%-38s %s\n", what, n)
	}
	return b.String()
}

// Count returns how often an operation answered with a status.
func (w *Watch) Count(id string, status int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[id][status]
}

// Reset forgets what was seen.
func (w *Watch) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = nil
}

// Table shows the operations of API v2 by documented status: how often each was
// seen, a dash for never, and after a bar the undocumented ones.
func (w *Watch) Table() string { return w.table(Load()) }

// TableV1 is Table for API v1.
func (w *Watch) TableV1() string { return w.table(LoadV1()) }

// TableUnified is Table for the unified calendar.
func (w *Watch) TableUnified() string { return w.table(LoadUnified()) }

func (w *Watch) table(ref *Reference) string {
	b := &strings.Builder{}
	w.mu.Lock()
	defer w.mu.Unlock()
	covered := 0
	for _, id := range ref.IDs() {
		var line, more []string
		for _, s := range slices.Sorted(maps.Keys(ref.Operations[id].Statuses)) {
			n := "-"
			if status, _ := strconv.Atoi(s); w.seen[id][status] > 0 {
				n = strconv.Itoa(w.seen[id][status])
			}
			line = append(line, s+":"+n)
		}
		for _, s := range slices.Sorted(maps.Keys(w.seen[id])) {
			if _, ok := ref.Operations[id].Statuses[strconv.Itoa(s)]; !ok {
				more = append(more, fmt.Sprintf("%d:%d", s, w.seen[id][s]))
			}
		}
		if slices.ContainsFunc(slices.Collect(maps.Keys(ref.Operations[id].Statuses)), func(s string) bool {
			n, _ := strconv.Atoi(s)
			return n < 300 && w.seen[id][n] > 0
		}) {
			covered++
		}
		fmt.Fprintf(b, "%-26s %-62s | %s\n", id, strings.Join(line, " "), strings.Join(more, " "))
	}
	fmt.Fprintf(b, "%d of %d operations succeeded\n", covered, len(ref.Operations))
	return b.String()
}

// keeper keeps what was answered.
type keeper struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keeper) code() int {
	if k.status == 0 {
		return http.StatusOK
	}
	return k.status
}

func (k *keeper) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(b []byte) (int, error) {
	k.body.Write(b)
	return k.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }
