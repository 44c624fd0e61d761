package calendar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	api "steno/internal/api/unified"
	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/quota"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/service"
	"steno/test/contract"
)

// office is a team with a desk, a calendar of each service, events and a feed.
type office struct {
	*desk
	ids   ids
	token string // of the feed
}

// ids are ids by kind: event (Google's own), calendar, feed.
type ids map[string]string

func newOffice(t testing.TB, db *store.DB) *office {
	t.Helper()
	o := &office{desk: newStand(t, db, service.Options{Polite: true}).desk(t)}
	o.room.Options.LiveTime = 2 * time.Second
	o.fill(t, "red")
	return o
}

func (o *office) fill(t testing.TB, name string) {
	t.Helper()
	c, cal := o.connect(t, calendar.Google, "ada@"+name+".example")
	m, other := o.connect(t, calendar.Microsoft, "bob@"+name+".example")
	e := once(1, monday.Add(30*time.Hour))
	e.Title = "Secret of " + name
	o.ids = ids{"calendar": c.ID, "event": must[string](t)(cal.Add(e))}
	must[string](t)(other.Add(standup(2)))
	o.sync(t, c.ID)
	o.sync(t, m.ID)
	feed := o.ask(t, "POST", "/feeds", `{"name":"F"}`)
	var out struct {
		Feed struct{ ID string }
		URL  string
	}
	if err := json.Unmarshal([]byte(feed.text), &out); err != nil {
		t.Fatalf("%s: %v", feed.text, err)
	}
	o.ids["feed"] = out.Feed.ID
	_, o.token, _ = strings.Cut(out.URL, "token=")
}

// other is a second team at the same server, with calendars of its own.
func (o *office) other(t testing.TB, name string) *office {
	t.Helper()
	team := must[account.Team](t)(o.accounts.CreateTeam(t.Context(), name))
	s, d := *o.stand, *o.desk
	s.team, d.stand = team.ID, &s
	d.key = d.newKey(t, account.Full, nil)
	out := &office{desk: &d}
	out.fill(t, name)
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
func (i ids) each(id func() string) ids {
	out := ids{}
	for kind := range i {
		out[kind] = id()
	}
	return out
}

// reply is an answer as it is.
type reply struct {
	status int
	header http.Header
	text   string
}

// shown is what a caller sees of an answer, without what differs each time.
func (r reply) shown() string {
	h := r.header.Clone()
	for _, each := range []string{"Date", "X-Request-Id"} {
		h.Del(each)
	}
	return fmt.Sprintf("%d %v %s", r.status, h, r.text)
}

// request is a call of the API.
type request struct{ method, path, body string }

// send makes a call past the network.
func (d *desk) send(t testing.TB, header http.Header, c request) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, "http://steno.example"+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatalf("%s %q: %v", c.method, c.path, err)
	}
	for name := range header {
		r.Header.Set(name, header[name][0])
	}
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

// ask is send with the desk's key, for a path below that of the surface.
func (d *desk) ask(t testing.TB, method, path, body string) reply {
	t.Helper()
	return d.send(t, bearer(d.key), request{method, "/api/v2/calendar" + path, body})
}

func bearer(key string) http.Header { return http.Header{"Authorization": {"Bearer " + key}} }

// sample says how an operation is called so that it succeeds, and how it is not.
type sample struct {
	kind  string // of the id in the path
	query string
	body  string
	never map[int]string // why a status cannot come about
	// gone is a body or, with a question mark, a query that names a calendar of
	// ours, for operations that have no id in the path.
	gone string
	// fails is the call of Google that makes it fail.
	fails string
}

const (
	takesNoID  = "it names nothing that could be missing"
	asksNobody = "it calls no service"
	march      = "start=2026-03-20T09:00:00Z&end=2026-03-20T17:00:00Z"
	newEvent   = `"title":"T","startTime":"2026-03-21T15:00:00Z","endTime":"2026-03-21T16:00:00Z"`
)

// samples has a row for each operation of the surface.
var samples = map[string]sample{
	"listCalendarEvents": {never: map[int]string{404: takesNoID, 502: "calendars that fail are named in errors"}},
	"getCalendarEvent":   {kind: "event", fails: "events.get"},
	"createCalendarEvent": {
		body: `{` + newEvent + `,"attendees":[{"email":"eve@example.com","name":"Eve"}],"recurrence":["RRULE:FREQ=DAILY;COUNT=2"],"timeZone":"Europe/Berlin","location":"L","description":"D","provider":"google"}`,
		gone: `{` + newEvent + `,"calendarId":"{calendar}"}`, fails: "events.insert",
	},
	"updateCalendarEvent":     {kind: "event", body: `{"title":"U","startTime":"2026-03-22T15:00:00Z","endTime":"2026-03-22T16:00:00Z","provider":"google","scope":"this"}`, fails: "events.patch"},
	"deleteCalendarEvent":     {kind: "event", fails: "events.delete"},
	"getCalendarAvailability": {query: "?" + march, never: map[int]string{404: takesNoID}, fails: "freebusy.query"},
	"findFreeSlots":           {query: "?duration=30&" + march, gone: "?people={calendar}&duration=30&" + march, fails: "freebusy.query"},
	"createCalendarFeed":      {body: `{"name":"N"}`, never: map[int]string{404: takesNoID, 502: asksNobody}},
	"listCalendarFeeds":       {never: map[int]string{404: takesNoID, 502: asksNobody}},
	"rotateCalendarFeed":      {kind: "feed", never: map[int]string{502: asksNobody}},
	"deleteCalendarFeed":      {kind: "feed", never: map[int]string{502: asksNobody}},
	"preferCalendar":          {kind: "calendar", never: map[int]string{502: asksNobody}},
	"readCalendarFeed":        {query: "?token={token}"},
}

// open is the operation that needs no key: the token of a feed is its key.
const open = "readCalendarFeed"

// operation is a route of the surface as its own document shows it.
type operation struct{ id, method, path string }

var inBraces = regexp.MustCompile(`\{\w+\}`)

func (o operation) call(i ids) request { return o.with(i, samples[o.id].query, samples[o.id].body) }

func (o operation) with(i ids, query, body string) request {
	path := inBraces.ReplaceAllString(o.path, i[samples[o.id].kind])
	return request{o.method, i.fill(path + query), i.fill(body)}
}

// missing is a call that names something by these ids; ok is false if it can
// name nothing.
func (o operation) missing(i ids) (c request, ok bool) {
	row := samples[o.id]
	switch {
	case strings.HasPrefix(row.gone, "?"):
		return o.with(i, row.gone, row.body), true
	case row.gone != "":
		return o.with(i, row.query, row.gone), true
	}
	return o.call(i), row.kind != ""
}

// operations reads the surface's own document.
func (d *desk) operations(t testing.TB) (list []operation) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string `json:"operationId"`
		}
	}
	if err := json.Unmarshal([]byte(d.ask(t, "GET", "/openapi.json", "").text), &doc); err != nil {
		t.Fatal(err)
	}
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

// limited lets no request through.
type limited struct{}

func (limited) Take(context.Context, string) (quota.Rate, error) {
	return quota.Rate{Limit: 1, Reset: time.Second}, fail.New(fail.Limited, "LIMITED", "too many requests")
}

// away is a room of accounts without its database.
type away struct{}

func (away) Authenticate(context.Context, string) (account.Caller, error) {
	return account.Caller{}, fail.New(fail.Unavailable, "DOWN", "the database is away")
}

// Every operation is in the reference, at its place, and answers with every status
// that it can: the watch holds each answer against the reference. What cannot come
// about has a reason in the table. With STENO_CONTRACT_TABLE set, the table of what
// was seen is written to a file beside it.
func TestEveryOperationOfTheUnifiedCalendarAnswersAsTheReferenceSays(t *testing.T) {
	ref, seen, there := contract.LoadUnified(), &contract.Watch{}, map[string]bool{}
	o := newOffice(t, openQuick(t))
	failing := newOffice(t, openQuick(t))
	variant := func(change func(*api.Surface)) *office {
		d := *o.desk
		d.serve(t, change)
		return &office{desk: &d, ids: o.ids, token: o.token}
	}
	broken := variant(func(s *api.Surface) { s.Calendar, s.Feeds, s.Log = nil, nil, slog.New(slog.DiscardHandler) })
	full := variant(func(s *api.Surface) { s.Rate = limited{} })
	down := variant(func(s *api.Surface) { s.Accounts, s.Log = away{}, slog.New(slog.DiscardHandler) })
	sending := bearer(o.newKey(t, account.Sending, nil))
	expect := func(t *testing.T, o *office, header http.Header, c request, status int) reply {
		t.Helper()
		r := o.send(t, header, c)
		if r.status != status {
			t.Errorf("%s %s %s answers %d, want %d: %s", c.method, c.path, c.body, r.status, status, r.text)
		}
		return r
	}
	list := o.operations(t)
	order := []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodPatch, http.MethodDelete} // what they need is there
	slices.SortStableFunc(list, func(a, b operation) int { return slices.Index(order, a.method) - slices.Index(order, b.method) })
	for _, op := range list {
		there[op.id] = true
		if documented := ref.Operations[op.id]; documented.Method != op.method || documented.Path != op.path {
			t.Errorf("%s is at %s %s, documented at %s %s", op.id, op.method, op.path, documented.Method, documented.Path)
		}
		t.Run(op.id, func(t *testing.T) {
			row, key := samples[op.id], bearer(o.key)
			if op.id == open {
				o.ids["token"] = o.token
				got := expect(t, o, nil, op.call(o.ids), 200)
				expect(t, o, http.Header{"If-None-Match": {got.header.Get("Etag")}}, op.call(o.ids), 304)
				expect(t, o, key, op.with(o.ids, "?token=x", ""), 401)
				expect(t, broken, nil, op.call(o.ids), 500)
				delete(o.ids, "token")
				return
			}
			expect(t, o, key, op.with(o.ids, row.query+mark(row.query)+"a=%zz", row.body), 400)
			expect(t, o, nil, op.call(o.ids), 401)
			expect(t, o, sending, op.call(o.ids), 403)
			expect(t, broken, key, op.call(o.ids), 500)
			expect(t, down, key, op.call(o.ids), 503)
			if op.method != http.MethodGet {
				expect(t, full, key, op.call(o.ids), 429)
			}
			if row.body != "" {
				expect(t, o, key, request{op.method, op.call(o.ids).path, strings.Repeat(" ", 2<<20)}, 413)
				expect(t, o, key, request{op.method, op.call(o.ids).path, "[]"}, 400)
			}
			if c, ok := op.missing(o.ids.each(ident.New)); ok {
				expect(t, o, key, c, 404)
			}
			if row.fails != "" {
				c := op.call(failing.ids)
				if op.id == "getCalendarEvent" { // what is stored needs no service
					c = op.call(ids{"event": "elsewhere"})
				}
				failing.google.Inject(service.Injection{Method: row.fails, Kind: service.ServerError, Times: -1})
				expect(t, failing, bearer(failing.key), c, 502)
			}
			expect(t, o, key, op.call(o.ids), 200)
		})
	}
	seen.Add(o.watch)
	seen.Add(failing.watch)
	for _, id := range ref.IDs() {
		if !there[id] {
			t.Errorf("%s does not exist", id)
		}
		for text := range ref.Operations[id].Statuses {
			status, _ := strconv.Atoi(text)
			if why := samples[id].never[status]; there[id] && (seen.Count(id, status) > 0) == (why != "") {
				t.Errorf("%s: %d was seen %d times; the table's reason against it is %q", id, status, seen.Count(id, status), why)
			}
		}
	}
	table := seen.TableUnified()
	t.Logf("decided statuses, and after the bar the others, with how often each was seen:\n%s", table)
	if file := os.Getenv("STENO_CONTRACT_TABLE"); file != "" {
		if err := os.WriteFile(file+".unified", []byte(table), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// mark is what comes between a query and more of it.
func mark(query string) string {
	if query == "" {
		return "?"
	}
	return "&"
}

// What is not there is refused in the surface's words, whatever the method.
func TestWhatIsNotThereIsRefusedInTheWordsOfTheUnifiedCalendar(t *testing.T) {
	d := newDesk(t, openQuick(t))
	for _, c := range []request{{"GET", "", ""}, {"GET", "/", ""}, {"GET", "/nothing", ""}, {"PUT", "/events", "{}"}, {"OPTIONS", "/events", ""}, {"POST", "/events.ics", ""}, {"GET", "/events/a/b", ""}, {"GET", "/feeds/x", ""}} {
		if r := d.ask(t, c.method, c.path, c.body); r.status != http.StatusNotFound || !strings.Contains(r.text, `"NOT_FOUND"`) {
			t.Errorf("%s %s: %s", c.method, c.path, r.shown())
		}
	}
}

// everything is all that the team can read.
func (o *office) everything(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for _, op := range o.operations(t) {
		if op.method == http.MethodGet && op.id != open {
			fmt.Fprintln(&b, op.id, o.send(t, bearer(o.key), op.call(o.ids)).text)
		}
	}
	fmt.Fprintln(&b, o.send(t, nil, request{"GET", "/api/v2/calendar/events.ics?token=" + o.token, ""}).text)
	return b.String()
}

// sorts are sorts of ids: a team's own, unknown ones, and what is no id.
func (o *office) sorts() map[string]ids {
	return map[string]ids{
		"existing": o.ids, "unknown": o.ids.each(ident.New), "nil": o.ids.each(func() string { return "00000000-0000-0000-0000-000000000000" }),
		"malformed": o.ids.each(func() string { return "cal_123" }),
	}
}

// A1: every operation with every sort of key or token and every sort of id. Who is
// not known learns nothing; what belongs to another team answers exactly like what
// does not exist; and nothing of all this changes anything.
func TestNothingOfAnotherTeamsCalendarsCanBeSeenOrTouched(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		red := newOffice(t, db)
		blue := red.other(t, "blue")
		red.everything(t) // reading is noted at feeds, to the hour
		before, cells := red.everything(t), 0
		for _, op := range red.operations(t) {
			if op.id == open {
				cells += red.refuseTokens(t, op)
				continue
			}
			if !db.Shared() { // keys are looked at before anything that databases do differently
				cells += op.refuseStrangers(t, red)
			}
			cells += op.hideFromOthers(t, red, blue, bearer(blue.key)) + op.hideFromOthers(t, red, blue, bearer("token."+blue.team+".good"))
		}
		if after := red.everything(t); after != before {
			t.Errorf("something has changed:\n%s\nbefore:\n%s", after, before)
		}
		t.Logf("%d cells", cells)
	})
}

// refuseTokens reads a feed with tokens that nobody has given out.
func (o *office) refuseTokens(t *testing.T, op operation) (cells int) {
	t.Helper()
	first := ""
	for _, query := range []string{"", "?token=", "?token=x", "?token=" + o.token + "x", "?token=" + strings.ToUpper(o.token), "?token=" + o.token[1:], "?token=" + o.key, "?token=" + o.ids["feed"], "?token=%zz", "?Token=" + o.token} {
		r := o.send(t, bearer(o.key), op.with(o.ids, query, ""))
		if first == "" {
			first = r.shown()
		}
		if r.status != http.StatusUnauthorized || r.shown() != first {
			t.Errorf("%s: %s, elsewhere %s", query, r.shown(), first)
		}
		cells++
	}
	return cells
}

// refuseStrangers calls with keys and tokens that open nothing, in every header:
// the answer is the same whatever the ids are.
func (op operation) refuseStrangers(t *testing.T, red *office) (cells int) {
	t.Helper()
	unknown := "stn_" + strings.Repeat("0", 43)
	soon := red.clock.Now().Add(time.Second)
	operators, _ := account.NewAdminKey()
	expired := red.newKey(t, account.Full, &soon)
	red.clock.add(2 * time.Second)
	for name, h := range map[string]http.Header{
		"no key": {}, "no key's form": bearer("x"), "unknown": bearer(unknown), "unknown, other header": {api.KeyHeader: {unknown}},
		"basic": {"Authorization": {"Basic " + red.key}}, "bare": {"Authorization": {red.key}}, "a key and more": bearer(red.key + "x"), "upper case": bearer(strings.ToUpper(red.key)),
		"the token of a feed": bearer(red.token), "operators": bearer(operators), "revoked": bearer(red.revoked(t)), "expired": bearer(expired),
		"a token that is not signed": bearer("token." + red.team + ".bad"), "a token for a team that is not": bearer("token." + ident.New() + ".good"), "a token for no team": bearer("token..good"),
	} {
		first := ""
		for sort, i := range red.sorts() {
			r := red.send(t, h, op.call(i))
			if first == "" {
				first = r.shown()
			}
			if r.status != http.StatusUnauthorized || !strings.Contains(r.text, `"UNAUTHORIZED"`) || r.shown() != first {
				t.Errorf("%s, %s, %s ids: %s, elsewhere %s", op.id, name, sort, r.shown(), first)
			}
			cells++
		}
	}
	sending := bearer(red.newKey(t, account.Sending, nil))
	for sort, i := range red.sorts() {
		if r := red.send(t, sending, op.call(i)); r.status != http.StatusForbidden || !strings.Contains(r.text, `"FORBIDDEN"`) {
			t.Errorf("%s, sending key, %s ids: %s", op.id, sort, r.shown())
		}
		cells++
	}
	return cells
}

// revoked returns a key of the team that was good once.
func (d *desk) revoked(t *testing.T) string {
	t.Helper()
	key := d.newKey(t, account.Full, nil)
	keys := must[[]account.Key](t)(d.accounts.Keys(t.Context(), d.team))
	if err := d.accounts.RevokeKey(t.Context(), keys[len(keys)-1].ID); err != nil {
		t.Fatal(err)
	}
	return key
}

// hideFromOthers calls as another team.
func (op operation) hideFromOthers(t *testing.T, red, blue *office, as http.Header) (cells int) {
	t.Helper()
	if samples[op.id].kind == "" { // it shows and changes what is the caller's own
		r := blue.send(t, as, op.call(blue.ids))
		for kind, id := range red.ids {
			if r.status != http.StatusOK || strings.Contains(r.text, id) || strings.Contains(r.text, "of red") {
				t.Errorf("%s shows another team's %s, or fails: %s", op.id, kind, r.shown())
			}
		}
		cells++
	}
	theirs, named := op.missing(red.ids)
	if !named {
		return cells
	}
	unknown := blue.ids.each(ident.New)
	none, _ := op.missing(unknown)
	got, want := blue.send(t, as, theirs), blue.send(t, as, none).shown()
	said := got.shown()
	for kind, id := range red.ids {
		said = strings.ReplaceAll(said, id, unknown[kind])
	}
	if got.status != http.StatusNotFound || said != want {
		t.Errorf("%s with another team's id: %s\nbut with an unknown one: %s", op.id, said, want)
	}
	for _, id := range []string{"cal_123", blue.ids["feed"] + "x"} {
		c, _ := op.missing(blue.ids.each(func() string { return id }))
		if r := blue.send(t, as, c); r.status != http.StatusNotFound && r.status != http.StatusBadRequest {
			t.Errorf("%s with %q: %s", op.id, id, r.shown())
		}
	}
	return cells + 4
}

// A token may do what a key with full access may, for its own team only.
func TestEveryWayToSayWhoOneIsIsTaken(t *testing.T) {
	o := newOffice(t, openQuick(t))
	for _, h := range []http.Header{bearer(o.key), {"Authorization": {"bearer  " + o.key}}, {api.KeyHeader: {o.key}}, bearer("token." + o.team + ".good")} {
		if r := o.send(t, h, request{"GET", "/api/v2/calendar/events", ""}); r.status != 200 || !strings.Contains(r.text, "Secret of red") {
			t.Errorf("%v: %s", h, r.shown())
		}
	}
}
