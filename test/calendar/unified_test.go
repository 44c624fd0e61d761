package calendar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"steno/internal/account"
	"steno/internal/api/httpx"
	api "steno/internal/api/unified"
	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/store"
	"steno/simulator/service"
	"steno/simulator/truth"
	"steno/test/contract"
)

// desk is the unified API over a stand.
type desk struct {
	*stand
	room *unified.Service
	url  string
	key  string
	// handler is the surface as servers have it, behind the watch that holds each
	// answer against the reference.
	handler  http.Handler
	watch    *contract.Watch
	accounts *account.Service
	seen     map[string]int // calls that called has waited for
}

func newDesk(t testing.TB, db *store.DB) *desk {
	t.Helper()
	return newStand(t, db, service.Options{Polite: true}).desk(t)
}

func (s *stand) desk(t testing.TB) *desk {
	t.Helper()
	d := &desk{stand: s, room: &unified.Service{
		Store: store.Unified{DB: s.db}, Engine: s.rooms, Providers: s.rooms.Providers, Tokens: s.rooms.Tokens, Clock: s.clock, Log: s.log,
	}}
	d.accounts = account.New(store.Accounts{DB: s.db}, s.clock, s.log)
	d.key = d.newKey(t, account.Full, nil)
	d.watch = &contract.Watch{Failed: t.Errorf}
	d.serve(t, nil)
	return d
}

// serve puts the surface behind a server. change may take something away from it.
func (d *desk) serve(t testing.TB, change func(*api.Surface)) {
	t.Helper()
	surface := &api.Surface{
		Calendar: d.room, Feeds: &unified.Feeds{Store: store.Unified{DB: d.db}, Clock: d.clock}, Accounts: &account.Bearer{Keys: d.accounts, Tokens: issued{}},
		Log: d.log, Version: "test", Public: "https://steno.example/",
	}
	if change != nil {
		change(surface)
	}
	r := chi.NewRouter()
	surface.Mount(r)
	d.handler = d.watch.Handler(httpx.Wrap(r, httpx.Options{Log: surface.Log, Clock: d.clock, Panic: surface.Panicked}))
	web := httptest.NewServer(d.handler)
	t.Cleanup(web.Close)
	d.url = web.URL + "/api/v2/calendar"
}

func (d *desk) newKey(t testing.TB, p account.Permission, until *time.Time) string {
	t.Helper()
	key, _, err := d.accounts.CreateKey(t.Context(), account.NewKey{TeamID: d.team, Name: "test", Permission: p, ExpiresAt: until})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issued takes tokens of the form token.TEAM.good, as an issuer that is trusted
// would sign them. What makes a token good is tested with the issuer.
type issued struct{}

func (issued) Verify(_ context.Context, token string) (string, error) {
	if parts := strings.Split(token, "."); parts[2] == "good" {
		return parts[1], nil
	}
	return "", fail.New(fail.Unauthorized, account.CodeUnauthorized, "the token is not signed by a key of the issuer")
}

// shown is an event as a client reads it.
type shown struct {
	ID, Provider, CalendarID, Title, Description, StartTime, EndTime string
	AllDay                                                           bool
	Location, MeetingURL, OrganizerEmail, OrganizerName              string
	Attendees                                                        []struct{ Email, Name, Status string }
	Status, HTMLLink, Created, Updated, SeriesID                     string
}

// answer is what the API said.
type answer struct {
	status int
	text   string

	Success bool
	Event   shown
	Events  []shown
	Count   int
	Busy    []struct{ Start, End, Provider string }
	Errors  []struct{ Provider, CalendarID, Code, Error string }
	Error   string
	Code    string
	Message string
}

func (d *desk) call(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	a, err := d.try(method, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) try(method, path, body string, headers ...string) (a answer, err error) {
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	r.Header.Set("Authorization", "Bearer "+d.key)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	a.status, a.text = res.StatusCode, string(text)
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("%d: not JSON: %s", a.status, text)
	}
	return a, nil
}

// ok is call for what must succeed.
func (d *desk) ok(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	a := d.call(t, method, path, body, headers...)
	if a.status != http.StatusOK || !a.Success {
		t.Fatalf("%s %s %s: %d %s", method, path, body, a.status, a.text)
	}
	return a
}

// month lists all events of the range that is stored.
func (d *desk) month(t testing.TB) []shown {
	t.Helper()
	a := d.ok(t, "GET", "/events?maxResults=250", "")
	if len(a.Errors) > 0 || a.Count != len(a.Events) {
		t.Fatalf("%s", a.text)
	}
	return a.Events
}

func (d *desk) titled(t testing.TB, title string) (out []shown) {
	t.Helper()
	for _, e := range d.month(t) {
		if e.Title == title {
			out = append(out, e)
		}
	}
	return out
}

func body(t testing.TB, fields map[string]any) string {
	t.Helper()
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func path(id string) string { return "/events/" + url.PathEscape(id) }

// stored returns the event with a title as it is stored.
func (s *stand) stored(t testing.TB, calendarID, title string) calendar.Event {
	t.Helper()
	for _, e := range s.events(t, calendarID, true) {
		if e.Title == title {
			return e
		}
	}
	t.Fatalf("no event %q is stored", title)
	return calendar.Event{}
}

// From creation to deletion: each step shows in the next list and at the
// service, and the bot goes along.
func TestWhatIsWrittenShowsInTheNextReadAndMovesBots(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		at := monday.Add(50 * time.Hour)
		made := d.ok(t, "POST", "/events", body(t, map[string]any{
			"provider": p, "title": "Demo", "description": "Show it.", "startTime": at, "endTime": at.Add(30 * time.Minute),
			"location": "https://us02web.zoom.us/j/85912345678?pwd=abc", "attendees": []map[string]string{{"email": "alex@example.com", "name": "Alex"}},
		})).Event
		if made.MeetingURL != "" || made.CalendarID != c.ID || made.OrganizerEmail != "ada@example.com" || made.ID == "" || len(made.Attendees) != 2 ||
			made.Attendees[0].Email != "ada@example.com" || made.Attendees[1].Status != "needsAction" {
			t.Errorf("%+v", made)
		}
		if list := d.titled(t, "Demo"); len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(made) {
			t.Errorf("the list shows %+v, created was %+v", list, made)
		}
		if list := cal.Occurrences(at, at.Add(time.Hour)); len(list) != 1 || list[0].Content.Title != "Demo" || !list[0].Start.Equal(at) {
			t.Fatalf("at the service: %+v", list)
		}
		row := d.stored(t, c.ID, "Demo")
		out, err := d.rooms.ScheduleBots(t.Context(), d.team, c.ID, calendar.Target{EventID: row.ID}, settings)
		if err != nil || out[0].Code != "" {
			t.Fatalf("%+v, %v", out, err)
		}
		seq := d.stored(t, c.ID, "Demo").Seq

		later := at.Add(3 * time.Hour)
		moved := d.ok(t, "PATCH", path(made.ID), body(t, map[string]any{"provider": p, "startTime": later, "endTime": later.Add(30 * time.Minute)})).Event
		if got, err := time.Parse(time.RFC3339, moved.StartTime); err != nil || !got.Equal(later) || moved.Title != "Demo" || len(moved.Attendees) != 2 {
			t.Errorf("%+v", moved)
		}
		if list := d.titled(t, "Demo"); len(list) != 1 || list[0].StartTime != moved.StartTime {
			t.Errorf("%+v", list)
		}
		if got := d.ok(t, "GET", path(made.ID)+"?provider="+string(p), "").Event; got.StartTime != moved.StartTime {
			t.Errorf("%+v", got)
		}
		story, err := d.rooms.Decisions(t.Context(), d.team, c.ID, row.ID)
		if err != nil || !story[len(story)-1].JoinAt.Equal(later) {
			t.Fatalf("the bot did not move: %+v, %v", story, err)
		}
		// The sync that finds the same change has nothing to say.
		if now := d.stored(t, c.ID, "Demo").Seq; now != seq+1 {
			t.Errorf("%d messages about the move", now-seq)
		}
		d.poll(t, c.ID)
		if now := d.stored(t, c.ID, "Demo"); now.Seq != seq+1 || now.ID != row.ID {
			t.Errorf("the sync tells of it again: %+v", now)
		}

		if a := d.ok(t, "DELETE", path(made.ID)+"?provider="+string(p), ""); a.Message != "Event deleted" {
			t.Errorf("%+v", a)
		}
		if list := d.titled(t, "Demo"); len(list) != 0 {
			t.Errorf("%+v", list)
		}
		if list := cal.Occurrences(at, later.Add(time.Hour)); len(list) != 0 {
			t.Errorf("at the service: %+v", list)
		}
		d.at(t, later)
		if n := len(d.allBots(t)); n != 0 {
			t.Errorf("%d bots for a deleted event", n)
		}
		if a := d.call(t, "GET", path(made.ID)+"?provider="+string(p), ""); a.status != http.StatusNotFound || a.Code != "EVENT_NOT_FOUND" {
			t.Errorf("%d %s", a.status, a.text)
		}
		if a := d.call(t, "DELETE", path(made.ID)+"?provider="+string(p), ""); a.status != http.StatusNotFound {
			t.Errorf("%d %s", a.status, a.text)
		}
	})
}

// The order is that of instants, whatever offsets they are written with; the
// bound is for each provider.
func TestTheListMergesCalendarsByInstant(t *testing.T) {
	d := newDesk(t, openQuick(t))
	g, gc := d.connect(t, calendar.Google, "ada@example.com")
	m, mc := d.connect(t, calendar.Microsoft, "ada@example.org")
	for i := range 6 {
		at := monday.Add(time.Duration(24+2*i) * time.Hour)
		must[string](t)(gc.Add(once(10+i, at)))
		must[string](t)(mc.Add(once(20+i, at.Add(time.Hour))))
	}
	must[string](t)(gc.Add(truth.Event{Content: truth.Content{Title: "Holiday", AllDay: true, Start: monday.Truncate(24*time.Hour).AddDate(0, 0, 1), End: monday.Truncate(24*time.Hour).AddDate(0, 0, 2)}}))
	must[string](t)(gc.Add(truth.Event{Content: truth.Content{Title: "Leave", AllDay: true, Start: monday.Truncate(24*time.Hour).AddDate(0, 0, -5), End: monday.Truncate(24*time.Hour).AddDate(0, 0, 5)}}))
	d.sync(t, g.ID)
	d.sync(t, m.ID)
	var got []string
	for _, e := range d.ok(t, "GET", "/events?maxResults=4", "").Events {
		got = append(got, e.Title+" "+e.StartTime)
	}
	want := []string{
		"Leave 2026-02-25", "Holiday 2026-03-03", "Review 10 2026-03-03T09:00:00+01:00", "Review 20 2026-03-03T09:00:00Z", "Review 11 2026-03-03T11:00:00+01:00",
		"Review 21 2026-03-03T11:00:00Z", "Review 22 2026-03-03T13:00:00Z", "Review 23 2026-03-03T15:00:00Z",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("\n%v\nwant\n%v", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Beyond what is kept current the services are asked, and what they say is kept
// for a while, until something is written.
func TestRangesBeyondTheWindowComeFromTheService(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		must[string](t)(cal.Add(standup(1)))
		must[string](t)(cal.Add(once(2, monday.AddDate(0, 3, 0))))
		must[string](t)(cal.Add(once(3, monday.AddDate(0, -3, 0))))
		d.sync(t, c.ID)
		ask := func() []shown {
			return d.ok(t, "GET", fmt.Sprintf("/events?start=%s&end=%s&maxResults=250", monday.AddDate(0, -4, 0).Format(time.RFC3339), monday.AddDate(0, 4, 0).Format(time.RFC3339)), "").Events
		}
		want := len(cal.Occurrences(monday.AddDate(0, -4, 0), monday.AddDate(0, 4, 0)))
		if got := ask(); len(got) != want || got[0].Title != "Review 3" {
			t.Fatalf("%d events, want %d: %+v", len(got), want, got)
		}
		calls := func() int { return d.google.AllCalls()["events.list"] + d.graph.AllCalls()["calendarView"] }
		before := calls()
		ask()
		if n := calls() - before; n != 0 {
			t.Errorf("%d calls for what was asked a moment ago", n)
		}
		at := monday.AddDate(0, 3, 1)
		made := d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "Far away", "startTime": at, "endTime": at.Add(time.Hour)})).Event
		if got := ask(); len(got) != want+1 {
			t.Errorf("%d events after one was created, want %d", len(got), want+1)
		}
		if got := d.ok(t, "GET", path(made.ID)+"?provider="+string(p), "").Event; got.Title != "Far away" {
			t.Errorf("%+v", got)
		}
		d.ok(t, "DELETE", path(made.ID)+"?provider="+string(p), "")
		if got := ask(); len(got) != want {
			t.Errorf("%d events after it was deleted, want %d", len(got), want)
		}
	})
}

// A retry with the same key, also one whose first answer was lost, creates
// nothing twice.
func TestARepeatedCreateMakesOneEvent(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		at := monday.Add(50 * time.Hour)
		text := body(t, map[string]any{"provider": p, "title": "Once", "startTime": at, "endTime": at.Add(time.Hour)})
		first := d.ok(t, "POST", "/events", text, "Idempotency-Key", "k1")
		again := d.ok(t, "POST", "/events", text, "Idempotency-Key", "k1")
		if first.Event.ID != again.Event.ID || first.text != again.text {
			t.Errorf("%s\n%s", first.text, again.text)
		}
		if a := d.call(t, "POST", "/events", strings.Replace(text, "Once", "Twice", 1), "Idempotency-Key", "k1"); a.status != http.StatusBadRequest || a.Code != "IDEMPOTENCY_KEY_REUSED" {
			t.Errorf("%d %s", a.status, a.text)
		}
		// The service does it and says that it failed, until the call is given up;
		// the client comes again.
		lost := service.Injection{Kind: service.AfterEffect, Times: 3}
		if p == calendar.Google {
			lost.Method = "events.insert"
			d.google.Inject(lost)
		} else {
			lost.Method = "events.create"
			d.graph.Inject(lost)
		}
		other := strings.Replace(text, "Once", "Lost", 1)
		a := d.call(t, "POST", "/events", other, "Idempotency-Key", "k2")
		b := d.ok(t, "POST", "/events", other, "Idempotency-Key", "k2")
		if b.Event.Title != "Lost" {
			t.Errorf("%d %s, then %s", a.status, a.text, b.text)
		}
		if list := cal.Occurrences(at, at.Add(time.Hour)); len(list) != 2 {
			t.Errorf("%d events at the service, want 2: first answer %d %s", len(list), a.status, a.text)
		}
		if n := len(d.month(t)); n != 2 {
			t.Errorf("%d events in the list", n)
		}
		d.clock.add(25 * time.Hour)
		if d.ok(t, "POST", "/events", text, "Idempotency-Key", "k1"); len(cal.Occurrences(at, at.Add(time.Hour))) != 3 {
			t.Error("after a day a key is forgotten")
		}
	})
}

// A change and a deletion with a key are done once, too: the repetition gets the
// first answer, also when that was lost and the event is not there any more.
func TestARepeatedChangeOrDeletionIsDoneOnce(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		at := monday.Add(50 * time.Hour)
		made := d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "First", "startTime": at, "endTime": at.Add(time.Hour)})).Event
		change := body(t, map[string]any{"provider": p, "title": "Second"})
		first := d.ok(t, "PATCH", path(made.ID), change, "Idempotency-Key", "k1")
		d.ok(t, "PATCH", path(made.ID), body(t, map[string]any{"provider": p, "title": "Third"}))
		if again := d.ok(t, "PATCH", path(made.ID), change, "Idempotency-Key", "k1"); again.text != first.text || len(d.titled(t, "Third")) != 1 {
			t.Errorf("%s\n%s\n%+v", first.text, again.text, d.month(t))
		}
		of := "?provider=" + string(p)
		for _, other := range []struct{ method, path, body string }{
			{"PATCH", path(made.ID), strings.Replace(change, "Second", "Fourth", 1)}, {"PATCH", path(made.ID) + "?scope=all", change}, {"PATCH", path(made.ID + "x"), change}, {"DELETE", path(made.ID) + of, ""},
		} {
			if a := d.call(t, other.method, other.path, other.body, "Idempotency-Key", "k1"); a.status != http.StatusBadRequest || a.Code != "IDEMPOTENCY_KEY_REUSED" {
				t.Errorf("%s %s %s: %d %s", other.method, other.path, other.body, a.status, a.text)
			}
		}
		// The service does it and says that it failed, until the call is given up.
		lost := service.Injection{Method: "events.delete", Kind: service.AfterEffect, Times: 3}
		d.google.Inject(lost)
		d.graph.Inject(lost)
		a := d.call(t, "DELETE", path(made.ID)+of, "", "Idempotency-Key", "k2")
		for range 2 {
			if b := d.call(t, "DELETE", path(made.ID)+of, "", "Idempotency-Key", "k2"); b.status != http.StatusOK || b.Message != "Event deleted" {
				t.Errorf("%d %s, first %d %s", b.status, b.text, a.status, a.text)
			}
		}
		if b := d.call(t, "DELETE", path(made.ID)+of, "", "Idempotency-Key", "k3"); b.status != http.StatusNotFound {
			t.Errorf("what was never there is not deleted: %d %s", b.status, b.text)
		}
		if list := cal.Occurrences(at, at.Add(time.Hour)); len(list) != 0 || len(d.month(t)) != 0 {
			t.Errorf("%+v", list)
		}
	})
}

// One request at a time, whoever wins: the others get its answer, or are told
// that it is under way.
func TestRepeatedCreatesAtTheSameTimeMakeOneEvent(t *testing.T) {
	d := newDesk(t, openQuick(t))
	c, cal := d.connect(t, calendar.Google, "ada@example.com")
	d.sync(t, c.ID)
	at := monday.Add(50 * time.Hour)
	text := body(t, map[string]any{"title": "Once", "startTime": at, "endTime": at.Add(time.Hour)})
	answers := make(chan answer, 8)
	for range cap(answers) {
		go func() {
			a, err := d.try("POST", "/events", text, "Idempotency-Key", "k")
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	for range cap(answers) {
		if a := <-answers; a.status != http.StatusOK && a.status != http.StatusConflict {
			t.Errorf("%d %s", a.status, a.text)
		}
	}
	if list := cal.Occurrences(at, at.Add(time.Hour)); len(list) != 1 {
		t.Errorf("%d events", len(list))
	}
}

// What is wrong is said, with what to do, and nothing reaches the service.
func TestBadRequestsSayWhatToDo(t *testing.T) {
	d := newDesk(t, openQuick(t))
	c, cal := d.connect(t, calendar.Google, "ada@example.com")
	d.sync(t, c.ID)
	good := map[string]any{"title": "T", "startTime": "2026-03-21T15:00:00Z", "endTime": "2026-03-21T16:00:00Z"}
	with := func(name string, v any) string {
		m := map[string]any{}
		for k, x := range good {
			m[k] = x
		}
		if m[name] = v; v == nil {
			delete(m, name)
		}
		return body(t, m)
	}
	for _, x := range []struct {
		name, method, path, body string
		status                   int
		code, says               string
	}{
		{"no title", "POST", "/events", with("title", nil), 400, "VALIDATION_ERROR", "title: is required"},
		{"an empty title", "POST", "/events", with("title", " "), 400, "VALIDATION_ERROR", "title: is required"},
		{"a title that is no text", "POST", "/events", with("title", 5), 400, "VALIDATION_ERROR", "title"},
		{"no start", "POST", "/events", with("startTime", nil), 400, "VALIDATION_ERROR", "startTime: is required"},
		{"no end", "POST", "/events", with("endTime", nil), 400, "VALIDATION_ERROR", "endTime: is required"},
		{"the end before the start", "POST", "/events", with("endTime", "2026-03-21T14:00:00Z"), 400, "VALIDATION_ERROR", "endTime: must be after startTime"},
		{"no length", "POST", "/events", with("endTime", "2026-03-21T15:00:00Z"), 400, "VALIDATION_ERROR", "endTime: must be after startTime"},
		{"a date and a time", "POST", "/events", with("endTime", "2026-03-22"), 400, "VALIDATION_ERROR", "both be dates"},
		{"no date", "POST", "/events", with("startTime", "tomorrow"), 400, "VALIDATION_ERROR", "startTime: must be a time in ISO 8601"},
		{"an unknown provider", "POST", "/events", with("provider", "yahoo"), 400, "VALIDATION_ERROR", "use google or microsoft"},
		{"a provider that is not connected", "POST", "/events", with("provider", "microsoft"), 400, "PROVIDER_NOT_CONNECTED", "connect one"},
		{"an unknown calendar", "POST", "/events", with("calendarId", ident.New()), 404, "CALENDAR_NOT_FOUND", "calendarId"},
		{"an attendee without an address", "POST", "/events", with("attendees", []any{map[string]string{"name": "A"}}), 400, "VALIDATION_ERROR", "attendees[0].email"},
		{"a rule that is none", "POST", "/events", with("recurrence", []string{"RRULE:FREQ=SOMETIMES"}), 400, "VALIDATION_ERROR", "recurrence"},
		{"an unknown zone", "POST", "/events", with("timeZone", "Mars/Olympus"), 400, "VALIDATION_ERROR", "timeZone"},
		{"an unknown conference", "POST", "/events", with("conferencing", "zoom"), 400, "VALIDATION_ERROR", "conferencing"},
		{"no JSON", "POST", "/events", "{", 400, "VALIDATION_ERROR", ""},
		{"no object", "POST", "/events", "[]", 400, "VALIDATION_ERROR", ""},
		{"no results", "GET", "/events?maxResults=0", "", 400, "VALIDATION_ERROR", "maxResults: must be 1 to 250"},
		{"too many results", "GET", "/events?maxResults=251", "", 400, "VALIDATION_ERROR", "maxResults: must be 1 to 250"},
		{"results that are no number", "GET", "/events?maxResults=many", "", 400, "VALIDATION_ERROR", "maxResults"},
		{"a start that is no time", "GET", "/events?start=yesterday", "", 400, "VALIDATION_ERROR", "start: must be a time"},
		{"a range backwards", "GET", "/events?start=2026-03-05&end=2026-03-04", "", 400, "VALIDATION_ERROR", "end: must be after start"},
		{"a range of ten years", "GET", "/events?start=2026-03-05&end=2036-03-04", "", 400, "VALIDATION_ERROR", "end: must be within"},
		{"an unknown event", "GET", "/events/nothing", "", 404, "EVENT_NOT_FOUND", "nothing"},
		{"another provider's event", "GET", "/events/nothing?provider=yahoo", "", 400, "VALIDATION_ERROR", "use google or microsoft"},
		{"a scope that is none", "DELETE", "/events/nothing?scope=some", "", 400, "VALIDATION_ERROR", "scope"},
		{"no start of an availability", "GET", "/availability?end=2026-03-04", "", 400, "VALIDATION_ERROR", "start: is required"},
		{"no end of an availability", "GET", "/availability?start=2026-03-04", "", 400, "VALIDATION_ERROR", "end: is required"},
		{"a path that is none", "GET", "/nothing", "", 404, "NOT_FOUND", ""},
		{"a method that is none", "PUT", "/events", "{}", 404, "NOT_FOUND", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := d.call(t, x.method, x.path, x.body)
			if a.status != x.status || a.Code != x.code || a.Success || !strings.Contains(a.Error, x.says) || a.Error == "" {
				t.Errorf("%d %s", a.status, a.text)
			}
			var keys map[string]any
			if err := json.Unmarshal([]byte(a.text), &keys); err != nil || len(keys) != 3 {
				t.Errorf("%s, %v", a.text, err)
			}
		})
	}
	if n := len(cal.IDs()); n != 0 {
		t.Errorf("%d events were created", n)
	}
	if a := d.call(t, "GET", "/events", "", "Authorization", "Bearer nobody"); a.status != http.StatusUnauthorized || a.Code != "UNAUTHORIZED" {
		t.Errorf("%d %s", a.status, a.text)
	}
}

// A connection with read-only scopes reads, and says what it lacks to write. It
// stays active.
func TestAReadOnlyConnectionIsToldFromOneThatIsBroken(t *testing.T) {
	d := newDesk(t, openQuick(t))
	a := must[*googleAccount](t)(d.google.AddAccount("ada@example.com", "Ada", "Europe/Berlin", readonly))
	b := must[*graphAccount](t)(d.graph.AddAccount("ada@example.org", "Ada", "Europe/Berlin", "Calendars.Read", "User.Read", "offline_access"))
	for _, r := range []calendar.ConnectRequest{
		{Platform: calendar.Google, RawID: "primary", Credentials: calendar.Credentials{ClientID: a.ClientID, ClientSecret: a.ClientSecret, RefreshToken: a.RefreshToken}},
		{Platform: calendar.Microsoft, RawID: b.Primary().ID, Credentials: calendar.Credentials{ClientID: b.ClientID, ClientSecret: b.ClientSecret, RefreshToken: b.RefreshToken, Tenant: "common"}},
	} {
		c := must[calendar.Connection](t)(d.rooms.Connect(t.Context(), d.team, r))
		d.sync(t, c.ID)
		got := d.call(t, "POST", "/events", body(t, map[string]any{"provider": r.Platform, "title": "T", "startTime": "2026-03-21T15:00:00Z", "endTime": "2026-03-21T16:00:00Z"}))
		if got.status != http.StatusForbidden || got.Code != "INSUFFICIENT_SCOPE" || !strings.Contains(got.Error, "connect it again with") {
			t.Errorf("%s: %d %s", r.Platform, got.status, got.text)
		}
		if c, err := d.rooms.Get(t.Context(), d.team, c.ID); err != nil || c.Status != calendar.Active {
			t.Errorf("%+v, %v", c, err)
		}
	}
}
