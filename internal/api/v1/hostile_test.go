package v1_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	v1 "steno/internal/api/v1"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/test/contract"
	"steno/test/hostile"
)

// attack sends requests past the network.
type attack struct {
	*world
	t    *testing.T
	sent map[int]int // by status
}

func (a *attack) send(name string, c request) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), c.method, "http://steno.example"+c.path, strings.NewReader(c.body))
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	r.Header.Set(v1.KeyHeader, a.key)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.Config.Handler.ServeHTTP(w, r)
	a.sent[w.Code]++
	if w.Code >= 500 {
		a.t.Errorf("%s: %s %.300s %.600s answers %d: %s", name, c.method, c.path, c.body, w.Code, w.Body)
	}
	if w.Body.Len() > 64<<10 && w.Code >= 400 {
		a.t.Errorf("%s: the refusal has %d bytes", name, w.Body.Len())
	}
}

// A2: whatever stands in a body, a path or a query, the answer is no 5xx, there
// is no panic, the refusal is of moderate size and in the words of v1, and what
// was taken in can be read.
func TestHostileRequestsBreakNothing(t *testing.T) {
	hostile.OneByOne(t)
	a := &attack{world: newWorld(t, storetest.SQLite(t)), t: t, sent: map[int]int{}}
	for _, o := range a.operations(t) {
		if o.id == "delete_calendar" {
			continue // it works, and then there is nothing left to attack
		}
		a.bodies(o, 12)
		a.paths(o)
		a.queries(o, 4)
	}
	a.readAll()
	t.Logf("requests by status: %v", a.sent)
}

// On PostgreSQL, what differs there: texts that it cannot store, numbers that it
// cannot hold, filters.
func TestHostileTextsOnPostgreSQL(t *testing.T) {
	hostile.OneByOne(t)
	db, err := store.Open(t.Context(), store.Options{DatabaseURL: storetest.PostgresURL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	a := &attack{world: newWorld(t, db), t: t, sent: map[int]int{}}
	for _, o := range a.operations(t) {
		switch o.id {
		case "schedule_record_event", "patch_bot", "create_calendar":
			a.members(o, 20)
		case "list_events":
			a.queries(o, 4)
		}
	}
	a.readAll()
	t.Logf("requests by status: %v", a.sent)
}

func (a *attack) bodies(o operation, of uint32) {
	c := o.call(a.ids)
	good := c.body
	if good == "" {
		good = "{}"
	}
	for name, text := range hostile.Texts(good) {
		if (len(text) > 100_000 || c.body == "") && !hostile.Chosen(o.id, name, 8) {
			continue // the long ones cost most; each has its turn with some operation
		}
		a.send(o.id+", "+name, request{c.method, c.path, text})
	}
	a.members(o, of)
}

// members puts values in the place of every member of a body.
func (a *attack) members(o operation, of uint32) {
	c, ref := o.call(a.ids), contract.LoadV1()
	if c.body == "" {
		return
	}
	if o.id == "patch_bot" { // so that there is something to change
		a.send("put it there", request{http.MethodPost, c.path, nameOnly})
	}
	for _, path := range hostile.Members(ref, ref.Operations[o.id].Body, nil, 0) {
		place := "/" + strings.Join(path, "/")
		for _, v := range hostile.Values {
			if hostile.Chosen(o.id+place, v, of) {
				a.send(fmt.Sprintf("%s%s = %.60s", o.id, place, v), request{c.method, c.path, hostile.With(c.body, path, v)})
			}
		}
	}
	if strings.HasSuffix(c.path, "/bot") { // so that there is nothing for the next
		a.send("take it away", request{http.MethodDelete, c.path, ""})
	}
}

func (a *attack) paths(o operation) {
	kind := samples[o.id].kind
	for _, w := range hostile.Words {
		if kind == "" || w == "" || w == ".." || w == "../.." || !hostile.Chosen(o.id, w, 3) {
			continue // another path
		}
		ids := maps.Clone(a.ids)
		ids[kind] = url.PathEscape(w)
		a.send(fmt.Sprintf("%s {uuid} = %.60q", o.id, w), o.call(ids))
	}
}

func (a *attack) queries(o operation, of uint32) {
	names := []string{"limit", "unknown"}
	for _, p := range contract.LoadV1().Operations[o.id].Parameters {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	c := o.call(a.ids)
	path, query, _ := strings.Cut(c.path, "?")
	for _, name := range names {
		for _, w := range hostile.Words {
			if hostile.Chosen(o.id+name, w, of) {
				a.send(fmt.Sprintf("%s?%s=%.60q", o.id, name, w), request{c.method, path + "?" + query + "&" + name + "=" + url.QueryEscape(w), c.body})
			}
		}
	}
	for _, raw := range []string{"?", "?&&&", "?=", "?days=%zz", "?%zz=1", "?days=1;status=2", "?" + strings.Repeat("a=b&", 10000), "?days[]=1", "?all_occurrences=1&all_occurrences=x"} {
		a.send(o.id+raw[:min(len(raw), 30)], request{c.method, path + raw, c.body})
	}
}

// readAll reads what was taken in.
func (a *attack) readAll() {
	a.t.Helper()
	a.expect(a.t, request{"GET", "/calendars", ""}, 200)
	for _, k := range ok[[]v1.Calendar](a.t, a.stand, "GET", "/calendars", "") {
		a.expect(a.t, request{"GET", "/calendar_events?status=all&calendar_id=" + k.UUID, ""}, 200)
	}
}

// A target for each operation that takes a body:
//
//	go test -run '^$' -fuzz '^FuzzPatchBot$' -fuzztime 10m ./internal/api/v1
//
// Without -fuzz each runs its seeds only. TestEveryBodyHasAFuzzTarget fails when
// one is missing.

func FuzzListRawCalendars(f *testing.F) { fuzzBody(f, "list_raw_calendars") }
func FuzzCreateCalendar(f *testing.F)   { fuzzBody(f, "create_calendar") }
func FuzzUpdateCalendar(f *testing.F)   { fuzzBody(f, "update_calendar") }
func FuzzScheduleEvent(f *testing.F)    { fuzzBody(f, "schedule_record_event") }
func FuzzPatchBot(f *testing.F)         { fuzzBody(f, "patch_bot") }
func FuzzJoin(f *testing.F)             { fuzzBody(f, "join") }
func FuzzRetranscribe(f *testing.F)     { fuzzBody(f, "retranscribe_bot") }
func FuzzSetWebhookURL(f *testing.F)    { fuzzBody(f, "set_webhook_url") }
func FuzzCreateZoom(f *testing.F)       { fuzzBody(f, "create_zoom_oauth_connection") }

// FuzzListBots is for the query.
func FuzzListBots(f *testing.F) {
	f.Add("limit=50&bot_name=%25&meeting_url=zoom&speaker_name=ada&created_after=2026-01-01&ended_after=2026-01-01T00:00:00&filter_by_extra=a:b,c:d&sort_by_extra=a:desc&cursor=AAAA")
	w := newWorld(f, storetest.SQLite(f))
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/bots/bots_with_metadata", nil)
		r.URL.RawQuery = query
		w.fuzzed(t, r)
	})
}

// FuzzListEvents is for the query.
func FuzzListEvents(f *testing.F) {
	f.Add("status=all&start_date_gte=2026-01-01&organizer_email=a@b.example&attendee_email=%25&updated_at_gte=2026-03-01T12:00:00Z&cursor=AAAA")
	w := newWorld(f, storetest.SQLite(f))
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, "/calendar_events", nil)
		r.URL.RawQuery = "calendar_id=" + w.ids["calendar"] + "&" + query
		w.fuzzed(t, r)
	})
}

func fuzzBody(f *testing.F, id string) {
	f.Helper()
	w := newWorld(f, storetest.SQLite(f))
	for _, o := range w.operations(f) {
		if o.id != id {
			continue
		}
		c := o.call(w.ids)
		for _, seed := range []string{c.body, everySetting, "", "null", "[]", "{}", `{"extra":{"a":1e400}}`, `{"bot_name":"\ud800"}`, c.body + c.body, "\ufeff" + c.body} {
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
	r.Header.Set(v1.KeyHeader, w.key)
	r.Header.Set("Content-Type", "application/json")
	out := httptest.NewRecorder()
	w.watch.Failed = t.Errorf
	w.Config.Handler.ServeHTTP(out, r)
	if out.Code >= 500 {
		t.Errorf("%d %s", out.Code, out.Body)
	}
}

func TestEveryBodyHasAFuzzTarget(t *testing.T) {
	text, err := os.ReadFile("hostile_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for id, s := range samples {
		if s.body != "" && !strings.Contains(string(text), `fuzzBody(f, "`+id+`")`) {
			t.Errorf("no fuzz target for the body of %s", id)
		}
	}
}
