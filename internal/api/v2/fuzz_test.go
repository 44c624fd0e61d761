package v2_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	v2 "steno/internal/api/v2"
	"steno/internal/store/storetest"
)

// A target for each operation that takes a body:
//
//	go test -run '^$' -fuzz '^FuzzCreateBot$' -fuzztime 10m ./internal/api/v2
//
// Without -fuzz each runs its seeds only. TestEveryBodyHasAFuzzTarget fails when
// one is missing.

func FuzzCreateBot(f *testing.F)                { fuzzBody(f, "createBot") }
func FuzzBatchCreateBots(f *testing.F)          { fuzzBody(f, "batchCreateBots") }
func FuzzUpdateBotConfig(f *testing.F)          { fuzzBody(f, "updateBotConfig") }
func FuzzRetryCallback(f *testing.F)            { fuzzBody(f, "retryCallback") }
func FuzzSendChatMessage(f *testing.F)          { fuzzBody(f, "sendChatMessage") }
func FuzzPauseBotRecording(f *testing.F)        { fuzzBody(f, "pauseBotRecording") }
func FuzzResumeBotRecording(f *testing.F)       { fuzzBody(f, "resumeBotRecording") }
func FuzzCreateScheduledBot(f *testing.F)       { fuzzBody(f, "createScheduledBot") }
func FuzzBatchCreateScheduledBots(f *testing.F) { fuzzBody(f, "batchCreateScheduledBots") }
func FuzzUpdateScheduledBot(f *testing.F)       { fuzzBody(f, "updateScheduledBot") }
func FuzzListRawCalendars(f *testing.F)         { fuzzBody(f, "listRawCalendars") }
func FuzzCreateCalendarConnection(f *testing.F) { fuzzBody(f, "createCalendarConnection") }
func FuzzUpdateCalendarConnection(f *testing.F) { fuzzBody(f, "updateCalendarConnection") }
func FuzzCreateCalendarBot(f *testing.F)        { fuzzBody(f, "createCalendarBot") }
func FuzzUpdateCalendarBot(f *testing.F)        { fuzzBody(f, "updateCalendarBot") }
func FuzzDeleteCalendarBot(f *testing.F)        { fuzzBody(f, "deleteCalendarBot") }
func FuzzCreateZoomCredential(f *testing.F)     { fuzzBody(f, "createZoomCredential") }
func FuzzUpdateZoomCredential(f *testing.F)     { fuzzBody(f, "updateZoomCredential") }

// FuzzListFilters is for the queries of lists.
func FuzzListFilters(f *testing.F) {
	paths := []string{"/v2/bots", "/v2/bots/scheduled", "/v2/calendars", "/v2/zoom-credentials"}
	for i := range paths {
		f.Add(i, "limit=1&extra=a:b&status=queued&bot_name=n&created_after=2026-02-01T00:00:00Z&cursor=AAAA")
	}
	w := newWorld(f, storetest.SQLite(f)).hangUp()
	f.Fuzz(func(t *testing.T, i int, query string) {
		r := httptest.NewRequest(http.MethodGet, paths[uint(i)%uint(len(paths))], nil)
		r.URL.RawQuery = query
		w.fuzzed(t, r)
	})
}

func fuzzBody(f *testing.F, id string) {
	f.Helper()
	w := newWorld(f, storetest.SQLite(f)).hangUp()
	for _, o := range w.operations(f) {
		if o.id != id {
			continue
		}
		c := o.call(w.ids)
		for _, seed := range []string{c.body, "", "null", "[]", "{}", `{"extra":{"a":1e400}}`, `{"bot_name":"\ud800"}`, c.body + c.body, "\ufeff" + c.body} {
			f.Add([]byte(seed))
		}
		f.Fuzz(func(t *testing.T, body []byte) {
			w.fuzzed(t, httptest.NewRequest(c.method, c.path, strings.NewReader(string(body))))
		})
	}
}

// fuzzed sends a request; the stand's watch holds the answer against the
// reference.
func (w *world) fuzzed(t *testing.T, r *http.Request) {
	t.Helper()
	r.Header.Set(v2.KeyHeader, w.key)
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	w.watch.Failed = t.Errorf
	w.Config.Handler.ServeHTTP(out, r)
	if out.Code >= 500 {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

func TestEveryBodyHasAFuzzTarget(t *testing.T) {
	text, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for id, s := range samples {
		if s.body != "" && !strings.Contains(string(text), `fuzzBody(f, "`+id+`")`) {
			t.Errorf("no fuzz target for the body of %s", id)
		}
	}
}
