package google

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"steno/internal/clock"
	"steno/simulator/service"
	"steno/simulator/truth"
)

var monday = time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)

// rig is a fake with one account and a client that speaks to it.
type rig struct {
	t     *testing.T
	s     *Server
	a     *Account
	cal   *truth.Calendar
	token string
	now   time.Time
}

func newRig(t *testing.T, o Options, scopes ...string) *rig {
	t.Helper()
	g := &rig{t: t, now: monday.AddDate(0, 0, -7)}
	var mu sync.Mutex
	o.Clock = clock.Func(func() time.Time { mu.Lock(); defer mu.Unlock(); return g.now })
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	g.s = s
	g.a, err = s.AddAccount("ada@example.com", "Ada Blue", "Europe/Berlin", scopes...)
	if err != nil {
		t.Fatal(err)
	}
	g.cal = g.a.Primary()
	if o.Polite {
		g.token = g.refresh(200)["access_token"].(string)
	}
	return g
}

func polite() Options { return Options{Options: service.Options{Polite: true}} }

func (g *rig) refresh(want int) map[string]any {
	g.t.Helper()
	resp, err := http.PostForm(g.s.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.a.RefreshToken},
		"client_id": {g.a.ClientID}, "client_secret": {g.a.ClientSecret}})
	return g.read(resp, err, want)
}

func (g *rig) read(resp *http.Response, err error, want int) map[string]any {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != want {
		g.t.Fatalf("%s %s: %d, want %d: %s", resp.Request.Method, resp.Request.URL, resp.StatusCode, want, data)
	}
	var v map[string]any
	if len(data) > 0 {
		if err := json.Unmarshal(data, &v); err != nil {
			g.t.Fatalf("%s: %v: %s", resp.Request.URL, err, data)
		}
	}
	return v
}

// do calls the API below the primary calendar's events, or anywhere for a path
// that begins with a slash.
func (g *rig) do(want int, method, path, body string, headers ...string) map[string]any {
	g.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/calendars/primary/events" + path
	}
	req, err := http.NewRequest(method, strings.TrimSuffix(g.s.APIURL(), "/")+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.token)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	return g.read(resp, err, want)
}

func reason(v map[string]any) string {
	e, _ := v["error"].(map[string]any)
	list, _ := e["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	return list[0].(map[string]any)["reason"].(string)
}

func items(v map[string]any) []map[string]any {
	var list []map[string]any
	for _, x := range v["items"].([]any) {
		list = append(list, x.(map[string]any))
	}
	return list
}

func (g *rig) weekly(title string) string {
	g.t.Helper()
	id, err := g.cal.Add(truth.Event{Content: truth.Content{Title: title, Start: monday, End: monday.Add(time.Hour), Zone: "Europe/Berlin"},
		Rule: &truth.Rule{Freq: truth.Weekly}})
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

func (g *rig) single(title string, at time.Time) string {
	g.t.Helper()
	id, err := g.cal.Add(truth.Event{Content: truth.Content{Title: title, Start: at, End: at.Add(time.Hour)}})
	if err != nil {
		g.t.Fatal(err)
	}
	return id
}

func TestAFullSyncAndItsIncrements(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	series := g.weekly("standup")
	for i := range 9 {
		g.single(fmt.Sprint("e", i), monday.AddDate(0, 0, i))
	}
	var got []map[string]any
	page := g.do(200, "GET", "?maxResults=4", "")
	for n := 1; ; n++ {
		got = append(got, items(page)...)
		next, more := page["nextPageToken"].(string)
		_, done := page["nextSyncToken"]
		if more == done {
			t.Fatalf("page %d has a page token: %v, a sync token: %v; exactly one is allowed", n, more, done)
		}
		if !more {
			break
		}
		page = g.do(200, "GET", "?maxResults=4&pageToken="+url.QueryEscape(next), "")
	}
	if len(got) != 10 {
		t.Fatalf("full sync gave %d rows, want 10", len(got))
	}
	sync := page["nextSyncToken"].(string)
	increment := func() []map[string]any {
		t.Helper()
		page := g.do(200, "GET", "?syncToken="+url.QueryEscape(sync), "")
		sync = page["nextSyncToken"].(string)
		return items(page)
	}
	if rows := increment(); len(rows) != 0 {
		t.Errorf("nothing changed, the increment has %v", rows)
	}
	if err := g.cal.CancelSlot(series, truth.SlotOf(monday.AddDate(0, 0, 14), false)); err != nil {
		t.Fatal(err)
	}
	rows := increment()
	if len(rows) != 1 || rows[0]["status"] != "cancelled" || rows[0]["start"] != nil || rows[0]["recurringEventId"] != series || rows[0]["originalStartTime"] == nil {
		t.Errorf("a cancelled occurrence came as %v; want a skeleton without start", rows)
	}
	if err := g.cal.Delete(series); err != nil {
		t.Fatal(err)
	}
	if rows := increment(); len(rows) != 1 || rows[0]["id"] != series || rows[0]["status"] != "cancelled" {
		t.Errorf("a deleted series came as %v", rows)
	}
	g.cal.Expire()
	if r := g.do(410, "GET", "?syncToken="+url.QueryEscape(sync), ""); reason(r) != "fullSyncRequired" {
		t.Errorf("a lost token is answered with %v", r)
	}
	g.do(200, "GET", "?syncToken="+url.QueryEscape(g.do(200, "GET", "", "")["nextSyncToken"].(string)), "")
}

func TestInstancesAreTheOccurrencesOfTheWindow(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	series := g.weekly("standup")
	slot := func(week int) string { return truth.SlotOf(monday.AddDate(0, 0, 7*week), false) }
	must(t, g.cal.CancelSlot(series, slot(1)))
	must(t, g.cal.EditSlot(series, slot(2), func(x *truth.Content) {
		x.Start = x.Start.Add(26 * time.Hour)
		x.End = x.End.Add(26 * time.Hour)
	}))
	window := "timeMin=2026-11-09T00:00:00Z&timeMax=2026-12-07T00:00:00Z"
	rows := items(g.do(200, "GET", g.path(series)+"/instances?"+window, ""))
	want := g.cal.Occurrences(time.Date(2026, 11, 9, 0, 0, 0, 0, time.UTC), time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC))
	if len(rows) != 3 || len(want) != 3 {
		t.Fatalf("%d instances and %d occurrences, want 3: %v", len(rows), len(want), rows)
	}
	for i, o := range want {
		start, _ := time.Parse(time.RFC3339, rows[i]["start"].(map[string]any)["dateTime"].(string))
		if rows[i]["id"] != InstanceID(o) || !start.Equal(o.Start) {
			t.Errorf("instance %d is %v at %v, want %s at %v", i, rows[i]["id"], start, InstanceID(o), o.Start)
		}
	}
	single := items(g.do(200, "GET", "?singleEvents=true&orderBy=startTime&"+window, ""))
	if len(single) != 3 {
		t.Errorf("the windowed list has %d rows, want 3", len(single))
	}
	all := items(g.do(200, "GET", g.path(series)+"/instances?showDeleted=true&"+window, ""))
	if len(all) != 4 {
		t.Errorf("with deleted ones %d instances, want 4", len(all))
	}
}

func TestForbiddenCombinationsAreRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	sync := url.QueryEscape(g.do(200, "GET", "", "")["nextSyncToken"].(string))
	for _, c := range []struct{ query, reason string }{
		{"?syncToken=" + sync + "&timeMin=2026-11-09T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&timeMax=2026-11-09T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&orderBy=updated", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&q=x", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&iCalUID=x", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&updatedMin=2026-11-09T00:00:00Z", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&showDeleted=false", "syncTokenWithRequestRestrictions"},
		{"?syncToken=" + sync + "&singleEvents=true", "invalid"},
		{"?syncToken=nonsense", "invalid"},
		{"?pageToken=nonsense", "invalid"},
		{"?orderBy=startTime", "invalid"},
		{"?timeMin=2026-11-09T00:00:00Z&timeMax=2026-11-09T00:00:00Z", "timeRangeEmpty"},
		{"?timeMin=yesterday", "invalid"},
		{"?maxResults=0", "invalid"},
	} {
		if r := g.do(400, "GET", c.query, ""); reason(r) != c.reason {
			t.Errorf("%s: %s, want %s", c.query, reason(r), c.reason)
		}
	}
}

func TestEachMethodAsksForItsScope(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite(), ScopeEvents)
	g.do(200, "GET", "", "")
	for _, c := range []struct{ method, path string }{{"GET", "/users/me/calendarList"}, {"POST", "/freeBusy"}} {
		r := g.do(403, c.method, c.path, "{}")
		if reason(r) != "insufficientPermissions" || r["error"].(map[string]any)["status"] != "PERMISSION_DENIED" {
			t.Errorf("%s: %v", c.path, r)
		}
	}
	g = newRig(t, polite(), ScopeReadonly)
	g.do(200, "GET", "/users/me/calendarList", "")
	g.do(403, "POST", "", "{}")
	g.token = "ya29.nobody"
	if r := g.do(401, "GET", "", ""); reason(r) != "authError" {
		t.Errorf("an unknown token: %v", r)
	}
}

func TestWritesFollowTheRules(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	const times = `"start":{"dateTime":"2026-11-09T10:00:00+01:00"},"end":{"dateTime":"2026-11-09T11:00:00+01:00"}`
	made := g.do(200, "POST", "?conferenceDataVersion=1", `{"id":"abcde12345","summary":"A",`+times+`,"conferenceData":{"createRequest":{"requestId":"r","conferenceSolutionKey":{"type":"hangoutsMeet"}}}}`)
	if made["hangoutLink"] == nil || made["conferenceData"] == nil {
		t.Errorf("no conference was made: %v", made)
	}
	if r := g.do(409, "POST", "", `{"id":"abcde12345",`+times+`}`); reason(r) != "duplicate" {
		t.Errorf("an id that is taken: %v", r)
	}
	if r := g.do(400, "POST", "", `{"id":"WXYZ",`+times+`}`); reason(r) != "invalid" {
		t.Errorf("a bad id: %v", r)
	}
	if r := g.do(400, "POST", "", `{"summary":"no times"}`); reason(r) != "required" {
		t.Errorf("no start: %v", r)
	}
	if r := g.do(400, "POST", "", `{"start":{"dateTime":"2026-11-09T10:00:00Z"},"end":{"dateTime":"2026-11-09T10:00:00Z"}}`); reason(r) != "timeRangeEmpty" {
		t.Errorf("no length: %v", r)
	}
	if r := g.do(400, "POST", "", `{`+times+`,"recurrence":["RRULE:FREQ=DAILY"]}`); reason(r) != "required" {
		t.Errorf("a series without a zone: %v", r)
	}
	if r := g.do(412, "PATCH", g.path("abcde12345"), `{}`, "If-Match", `"1"`); reason(r) != "conditionNotMet" {
		t.Errorf("a stale etag: %v", r)
	}
	kept := g.do(200, "PATCH", g.path("abcde12345"), `{"summary":"B","colorId":"4"}`, "If-Match", made["etag"].(string))
	if kept["hangoutLink"] == nil || kept["summary"] != "B" || kept["colorId"] != "4" {
		t.Errorf("after a patch: %v", kept)
	}
	stripped := g.do(200, "PUT", g.path("abcde12345"), `{"summary":"C",`+times+`}`)
	if stripped["hangoutLink"] != nil {
		t.Error("a PUT without conferenceDataVersion kept the conference")
	}
	g.do(204, "DELETE", g.path("abcde12345"), "")
	if r := g.do(410, "DELETE", g.path("abcde12345"), ""); reason(r) != "deleted" {
		t.Errorf("deleted twice: %v", r)
	}
	g.do(404, "DELETE", g.path("nobody"), "")
}

// path is that of an event.
func (g *rig) path(id string) string { return "/calendars/primary/events/" + id }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// receiver collects pushes.
type receiver struct {
	*httptest.Server
	got chan http.Header
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan http.Header, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		if len(bytes.TrimSpace(body)) > 0 {
			t.Errorf("a push has a body: %s", body)
		}
		r.got <- req.Header
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) next(t *testing.T) http.Header {
	t.Helper()
	select {
	case h := <-r.got:
		return h
	case <-time.After(5 * time.Second):
		t.Fatal("no push came")
		return nil
	}
}

func TestWatchersAreToldOfEveryChange(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	r := newReceiver(t)
	body := fmt.Sprintf(`{"id":"ch-1","type":"web_hook","address":%q,"token":"secret"}`, r.URL)
	ch := g.do(200, "POST", "/calendars/primary/events/watch", body)
	if h := r.next(t); h.Get("X-Goog-Resource-State") != "sync" || h.Get("X-Goog-Message-Number") != "1" || h.Get("X-Goog-Channel-Token") != "secret" {
		t.Errorf("first message: %v", h)
	}
	g.single("x", monday)
	h := r.next(t)
	if h.Get("X-Goog-Resource-State") != "exists" || h.Get("X-Goog-Channel-ID") != "ch-1" || h.Get("X-Goog-Resource-ID") != ch["resourceId"] {
		t.Errorf("message of a change: %v", h)
	}
	if r := g.do(400, "POST", "/calendars/primary/events/watch", body); reason(r) != "channelIdNotUnique" {
		t.Errorf("an id twice: %v", r)
	}
	g.do(400, "POST", "/calendars/primary/events/watch", `{"id":"ch-2","type":"web_hook","address":"http://example.com/"}`)
	g.do(404, "POST", "/channels/stop", `{"id":"ch-1","resourceId":"other"}`)
	g.do(204, "POST", "/channels/stop", fmt.Sprintf(`{"id":"ch-1","resourceId":%q}`, ch["resourceId"]))
	g.do(404, "POST", "/channels/stop", fmt.Sprintf(`{"id":"ch-1","resourceId":%q}`, ch["resourceId"]))
	g.single("y", monday)
	must(t, g.s.Settle(t.Context()))
	if len(r.got) != 0 {
		t.Error("a stopped channel was told")
	}
}

func TestTokensAreGivenAndTakenBack(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	if v := g.refresh(200); v["refresh_token"] != nil || v["expires_in"] != float64(3599) || v["scope"] != ScopeCalendar {
		t.Errorf("token: %v", v)
	}
	g.now = g.now.Add(time.Hour)
	g.do(401, "GET", "", "")
	resp, err := http.PostForm(g.s.Address()+"/revoke", url.Values{"token": {g.a.RefreshToken}})
	g.read(resp, err, 200)
	if v := g.refresh(400); v["error"] != "invalid_grant" {
		t.Errorf("revoked: %v", v)
	}
	g.a.ClientSecret = "wrong"
	if v := g.refresh(401); v["error"] != "invalid_client" {
		t.Errorf("wrong secret: %v", v)
	}
}

func TestFreeBusyCountsWhatTakesTime(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	g.single("a", monday)
	g.single("b", monday.Add(30*time.Minute))
	must(t, g.cal.Respond(g.single("declined", monday.Add(4*time.Hour)), truth.Declined))
	must(t, g.cal.Edit(g.single("free", monday.Add(5*time.Hour)), func(x *truth.Content) { x.Free = true }))
	v := g.do(200, "POST", "/freeBusy", `{"timeMin":"2026-11-09T00:00:00Z","timeMax":"2026-11-10T00:00:00Z","items":[{"id":"ada@example.com"},{"id":"bob@example.com"}]}`)
	calendars := v["calendars"].(map[string]any)
	if got := fmt.Sprint(calendars["ada@example.com"]); got != "map[busy:[map[end:2026-11-09T10:30:00Z start:2026-11-09T09:00:00Z]]]" {
		t.Errorf("busy: %s", got)
	}
	if !strings.Contains(fmt.Sprint(calendars["bob@example.com"]), "notFound") {
		t.Errorf("a stranger's calendar: %v", calendars["bob@example.com"])
	}
}

func TestFaultsComeByTheSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		g := newRig(t, Options{Options: service.Options{Seed: seed, SlowFor: time.Millisecond}})
		g.s.SetFaults(service.Faults{service.TooMany: .1, service.ServerError: .1, service.Truncated: .1})
		var out strings.Builder
		for range 60 {
			req, _ := http.NewRequest("POST", g.s.TokenURL(), nil)
			resp, err := http.DefaultTransport.RoundTrip(req)
			if err != nil {
				out.WriteString("x")
				continue
			}
			fmt.Fprint(&out, resp.StatusCode, " ")
			resp.Body.Close()
		}
		return out.String()
	}
	a := run(1)
	if b := run(1); a != b {
		t.Errorf("one seed gave\n%s\nand\n%s", a, b)
	}
	if run(2) == a {
		t.Error("two seeds gave the same faults")
	}
	if !strings.Contains(a, "429") || !strings.Contains(a, "500") && !strings.Contains(a, "503") {
		t.Errorf("no faults came: %s", a)
	}
}

func TestAnInjectedFaultComesOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	sync := url.QueryEscape(g.do(200, "GET", "", "")["nextSyncToken"].(string))
	g.s.Inject(service.Injection{Method: "events.list", Kind: service.TooMany, Skip: 1, RetryAfter: 7})
	g.do(200, "GET", "?syncToken="+sync, "")
	g.do(429, "GET", "?syncToken="+sync, "")
	g.do(200, "GET", "?syncToken="+sync, "")
	g.s.Inject(service.Injection{Kind: service.Gone})
	g.do(410, "GET", "?syncToken="+sync, "")
	g.s.Inject(service.Injection{Method: "events.insert", Kind: service.AfterEffect})
	before := len(g.cal.IDs())
	req, _ := http.NewRequest("POST", g.s.APIURL()+"calendars/primary/events", strings.NewReader(`{"start":{"date":"2026-11-09"},"end":{"date":"2026-11-10"}}`))
	req.Header.Set("Authorization", "Bearer "+g.token)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode < 500 || len(g.cal.IDs()) != before+1 {
		t.Errorf("did it, then said it failed: status %d, %d events of %d", resp.StatusCode, len(g.cal.IDs()), before+1)
	}
	if n := g.s.Calls("events.list ada@example.com"); n != 5 {
		t.Errorf("%d list calls counted, want 5", n)
	}
}
