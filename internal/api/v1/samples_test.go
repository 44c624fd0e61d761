package v1_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"steno/internal/calendar"
	"steno/internal/ident"
	"steno/internal/store"
)

// world is a team that has a calendar with events.
type world struct {
	*stand
	ids ids
}

// ids are ids by kind: calendar, event (of a series), single.
type ids map[string]string

func newWorld(t testing.TB, db *store.DB) *world {
	t.Helper()
	w := &world{stand: newStand(t, db), ids: ids{}}
	w.fill(t)
	return w
}

func (w *world) fill(t testing.TB) {
	t.Helper()
	w.ids["calendar"] = w.connect(t, "Google")
	list := w.list(t, w.ids["calendar"], "")
	w.ids["event"], w.ids["single"] = named(list, "Standup")[0].UUID, named(list, "Review <of> Q1")[0].UUID
	w.fillBots(t)
}

// other is a second team with a calendar of its own, at the same server.
func (w *world) other(t testing.TB) *world {
	t.Helper()
	s := *w.stand
	s.team, s.key = s.newTeam(t, "blue")
	out := &world{stand: &s, ids: ids{}}
	out.fill(t)
	return out
}

// fill puts ids in the place of their kinds in braces.
func (i ids) fill(text string) string {
	for kind, id := range i {
		text = strings.ReplaceAll(text, "{"+kind+"}", id)
	}
	return text
}

// each returns the same kinds with other ids.
func (i ids) each(make func() string) ids {
	out := ids{}
	for kind := range i {
		out[kind] = make()
	}
	return out
}

// sample says how an operation is called so that it succeeds, and how it is not.
type sample struct {
	kind     string // of the id in the path
	query    string
	body     string
	ready    func(t testing.TB, w *world) // comes before
	bad      string                       // a body that is refused; with a question mark, a query; empty: a malformed id
	never400 string                       // why nothing is refused as invalid
	never500 bool                         // it needs no room
	status   int                          // of its success; 0: 200
	more     map[int]state                // how other statuses come about
}

// state is how a status comes about. Without a body the sample's is sent.
type state struct {
	prepare func(t testing.TB, w *world)
	query   string
	body    string
	kind    string
}

const nameOnly = `{"bot_name":"N"}`

// samples has a row for each operation of the surface.
var samples = map[string]sample{
	"list_raw_calendars": {
		body: `{"platform":"Google",` + secrets + `}`, bad: `{"platform":"google",` + secrets + `}`,
		more: map[int]state{401: refusing(calendar.Revoked), 403: refusing(calendar.Unlicensed), 503: refusing(calendar.Transient)},
	},
	"list_calendars": {never400: "it takes nothing"},
	"create_calendar": {
		body: `{"platform":"Google","raw_calendar_id":"team",` + secrets + `}`, bad: `{"platform":"Google"}`,
		more: map[int]state{
			401: refusing(calendar.Revoked), 409: {body: `{"platform":"Google",` + secrets + `}`},
			404: {body: `{"platform":"Google","raw_calendar_id":"unknown",` + secrets + `}`},
		},
	},
	"get_calendar":         {kind: "calendar"},
	"update_calendar":      {kind: "calendar", body: `{"platform":"Google",` + secrets + `}`, more: map[int]state{401: refusing(calendar.BadClient), 403: refusing(calendar.PermissionDenied)}},
	"delete_calendar":      {kind: "calendar"},
	"resync_all_calendars": {bad: "?days=0"},
	"resync_all":           {query: "?days=30", bad: "?days=401"},

	"list_events":             {query: "?calendar_id={calendar}", bad: "?status=all", more: map[int]state{404: {query: "?calendar_id={unknown}"}}},
	"get_event":               {kind: "event"},
	"schedule_record_event":   {kind: "event", body: nameOnly, more: map[int]state{409: {prepare: withBot}}},
	"patch_bot":               {kind: "event", body: `{"bot_name":"M"}`, ready: withBot, more: map[int]state{409: {prepare: nearlyThere}}},
	"unschedule_record_event": {kind: "event", ready: withBot, more: map[int]state{409: {prepare: nearlyThere}}},
}

// refusing is the state in which the calendar services refuse every call.
func refusing(k calendar.ErrorKind) state {
	return state{prepare: func(_ testing.TB, w *world) { w.refusal = k }}
}

// withBot puts a bot on the event.
func withBot(t testing.TB, w *world) {
	t.Helper()
	ok[[]any](t, w.stand, "POST", "/calendar_events/"+w.ids["event"]+"/bot", nameOnly)
}

// nearlyThere makes it three minutes before the event begins.
func nearlyThere(_ testing.TB, w *world) { w.now = w.now.Add(117 * 60 * 1e9) }

// operation is a route of the surface as its own document shows it.
type operation struct{ id, method, path string }

// request is a call of the API.
type request struct{ method, path, body string }

var pathParameter = regexp.MustCompile(`\{uuid\}`)

// call makes the request of a sample with some ids.
func (o operation) call(i ids) request { return o.with(i, samples[o.id].query, samples[o.id].body) }

func (o operation) with(i ids, query, body string) request {
	path := pathParameter.ReplaceAllString(o.path, i[samples[o.id].kind])
	return request{o.method, i.fill(strings.ReplaceAll(path+query, "{unknown}", ident.New())), i.fill(body)}
}

// mistake is a request that is refused with 400.
func (o operation) mistake(i ids) request {
	switch bad := samples[o.id].bad; {
	case strings.HasPrefix(bad, "?"):
		return o.with(i, bad, samples[o.id].body)
	case bad != "":
		return o.with(i, samples[o.id].query, bad)
	}
	return o.call(i.each(func() string { return "cal_123" }))
}

func (s *stand) send(t testing.TB, c request) reply {
	t.Helper()
	return s.call(t, c.method, c.path, c.body)
}

// operations reads the surface's own document.
func (s *stand) operations(t testing.TB) (list []operation) {
	t.Helper()
	doc := ok[struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}](t, s, "GET", "/openapi.json", "")
	for path, methods := range doc.Paths {
		for method, raw := range methods {
			if _, known := samples[raw.OperationID]; !known {
				t.Errorf("the operation %s (%s %s) has no row in the table of samples", raw.OperationID, method, path)
				continue
			}
			list = append(list, operation{raw.OperationID, strings.ToUpper(method), path})
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return list
}

func decode[T any](t testing.TB, r reply) (out T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.body), &out); err != nil {
		t.Fatalf("status %d: %v: %s", r.status, err, r.body)
	}
	return out
}
