package microsoft

import (
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

var (
	monday = time.Date(2026, 11, 9, 9, 0, 0, 0, time.UTC)
	from   = monday.AddDate(0, 0, -7)
	to     = monday.AddDate(0, 0, 28)
	window = "startDateTime=" + from.Format(time.RFC3339) + "&endDateTime=" + to.Format(time.RFC3339)
)

type rig struct {
	t     *testing.T
	s     *Server
	a     *Account
	cal   *truth.Calendar
	token string
	spare string // the refresh token that is good now
	now   time.Time
}

func polite() Options { return Options{Options: service.Options{Polite: true}} }

func newRig(t *testing.T, o Options, scopes ...string) *rig {
	t.Helper()
	g := &rig{t: t, now: from}
	var mu sync.Mutex
	o.Clock = clock.Func(func() time.Time { mu.Lock(); defer mu.Unlock(); return g.now })
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	g.s = s
	if g.a, err = s.AddAccount("ada@example.com", "Ada Blue", "Europe/Berlin", scopes...); err != nil {
		t.Fatal(err)
	}
	g.cal, g.spare = g.a.Primary(), g.a.RefreshToken
	if o.Polite {
		g.refresh(200)
	}
	return g
}

// refresh spends the refresh token.
func (g *rig) refresh(want int) map[string]any {
	g.t.Helper()
	resp, err := http.PostForm(g.s.LoginURL()+"/common/oauth2/v2.0/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {g.spare},
		"client_id": {g.a.ClientID}, "client_secret": {g.a.ClientSecret}, "scope": {"offline_access Calendars.Read"}})
	v := g.read(resp, err, want)
	if want == 200 {
		g.token, g.spare = v["access_token"].(string), v["refresh_token"].(string)
	}
	return v
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

// do calls a path of the API, or a whole link.
func (g *rig) do(want int, method, path, body string, headers ...string) map[string]any {
	g.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = g.s.GraphURL() + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+g.token)
	req.Header.Set("Prefer", `IdType="ImmutableId"`)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	return g.read(resp, err, want)
}

func code(v map[string]any) string { return v["error"].(map[string]any)["code"].(string) }

func values(v map[string]any) []map[string]any {
	var list []map[string]any
	for _, x := range v["value"].([]any) {
		list = append(list, x.(map[string]any))
	}
	return list
}

// round reads a delta round to its end.
func (g *rig) round(link string) (rows []map[string]any, delta string) {
	g.t.Helper()
	for {
		page := g.do(200, "GET", link, "", "Prefer", `odata.maxpagesize=3, IdType="ImmutableId"`)
		rows = append(rows, values(page)...)
		next, more := page["@odata.nextLink"].(string)
		delta, done := page["@odata.deltaLink"].(string)
		if more == done {
			g.t.Fatalf("a page has a next link: %v, and a delta link: %v", more, done)
		}
		if done {
			return rows, delta
		}
		link = next
	}
}

func (g *rig) weekly(title string) string {
	g.t.Helper()
	id, err := g.cal.Add(truth.Event{Content: truth.Content{Title: title, Start: monday, End: monday.Add(time.Hour)}, Rule: &truth.Rule{Freq: truth.Weekly}})
	must(g.t, err)
	return id
}

func (g *rig) single(title string, at time.Time) string {
	g.t.Helper()
	id, err := g.cal.Add(truth.Event{Content: truth.Content{Title: title, Start: at, End: at.Add(time.Hour)}})
	must(g.t, err)
	return id
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kinds(rows []map[string]any) map[string]int {
	n := map[string]int{}
	for _, r := range rows {
		if r["@removed"] != nil {
			n["removed"]++
		} else {
			n[r["type"].(string)]++
		}
	}
	return n
}

func TestARoundHasBareOccurrencesAndTheirMaster(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	series := g.weekly("standup")
	g.single("x", monday)
	g.single("outside", monday.AddDate(1, 0, 0))
	rows, delta := g.round("/me/calendarView/delta?" + window)
	if n := kinds(rows); n["occurrence"] != 4 || n["seriesMaster"] != 1 || n["singleInstance"] != 1 || len(rows) != 6 {
		t.Fatalf("rows: %v", n)
	}
	for _, r := range rows {
		if _, has := r["subject"]; r["type"] == "occurrence" && (has || r["iCalUId"] != nil || r["seriesMasterId"] != ImmutableID(series, "")) {
			t.Errorf("an occurrence is not bare: %v", r)
		}
	}
	rows, delta = g.round(delta)
	if len(rows) != 0 {
		t.Errorf("nothing changed: %v", rows)
	}
	must(t, g.cal.CancelSlot(series, truth.SlotOf(monday.AddDate(0, 0, 7), false)))
	rows, delta = g.round(delta)
	if n := kinds(rows); n["occurrence"] != 3 || n["removed"] != 1 {
		t.Errorf("after a cancelled occurrence: %v", n)
	}
	g.s.SetFaults(service.Faults{service.MissingTomb: 1, service.MissingMaster: 1})
	must(t, g.cal.CancelSlot(series, truth.SlotOf(monday.AddDate(0, 0, 14), false)))
	rows, delta = g.round(delta)
	if n := kinds(rows); n["occurrence"] != 2 || n["removed"] != 0 || n["seriesMaster"] != 0 {
		t.Errorf("without tombstones and master: %v", n)
	}
	must(t, g.cal.Delete(series))
	rows, _ = g.round(delta)
	if len(rows) != 1 || rows[0]["id"] != ImmutableID(series, "") || rows[0]["@removed"] == nil {
		t.Errorf("after the series was deleted: %v", rows)
	}
}

func TestWhatLeavesTheWindowIsRemoved(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	id := g.single("x", monday)
	far := g.single("far", monday.AddDate(1, 0, 0))
	_, delta := g.round("/me/calendarView/delta?" + window)
	must(t, g.cal.Edit(id, func(x *truth.Content) { x.Start, x.End = x.Start.AddDate(0, 6, 0), x.End.AddDate(0, 6, 0) }))
	must(t, g.cal.Edit(far, func(x *truth.Content) { x.Title = "never was in the window" }))
	rows, _ := g.round(delta)
	if n := kinds(rows); n["removed"] != 2 || len(rows) != 2 {
		t.Errorf("rows: %v", rows)
	}
}

func TestALostTokenIsRefusedInBothWays(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	_, delta := g.round("/me/calendarView/delta?" + window)
	g.s.Inject(service.Injection{Kind: service.GoneSilently})
	if v := g.do(400, "GET", delta, ""); code(v) != "syncStateNotFound" {
		t.Errorf("lost silently: %v", v)
	}
	_, delta = g.round("/me/calendarView/delta?" + window)
	g.s.Inject(service.Injection{Kind: service.Gone})
	g.do(410, "GET", delta, "")
	g.do(410, "GET", delta, "")
	for _, q := range []string{"$select=id", "$filter=a", "$orderby=x", "$expand=x", "$search=x", "$top=5"} {
		g.do(400, "GET", "/me/calendarView/delta?"+window+"&"+q, "")
	}
	g.do(400, "GET", "/me/calendarView/delta", "")
	g.do(400, "GET", "/me/calendarView/delta?$deltatoken=nonsense", "")
}

func TestIdsStayOnlyIfTheyAreImmutable(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	id := g.single("x", monday)
	plain := g.do(200, "GET", "/me/events/"+ImmutableID(id, ""), "", "Prefer", "")["id"].(string)
	if plain == ImmutableID(id, "") {
		t.Fatal("without the preference the id is immutable, too")
	}
	g.do(200, "GET", "/me/events/"+plain, "")
	must(t, g.cal.Transfer(id))
	g.do(404, "GET", "/me/events/"+plain, "")
	g.do(200, "GET", "/me/events/"+ImmutableID(id, ""), "")
	if v := g.do(400, "GET", "/me/events/nonsense", ""); code(v) != "ErrorInvalidIdMalformed" {
		t.Errorf("a malformed id: %v", v)
	}
}

func TestEachRefreshTokenIsGoodOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	old := g.spare
	g.refresh(200)
	fresh := g.spare
	g.spare = old
	if v := g.refresh(400); v["error"] != "invalid_grant" || fmt.Sprint(v["error_codes"]) != "[70000]" {
		t.Errorf("a spent token: %v", v)
	}
	g.spare = fresh
	g.s.Grants.Each("ada@example.com", func(x *service.Grant) { x.Failure = "AADSTS50076" })
	if v := g.refresh(400); v["error"] != "interaction_required" {
		t.Errorf("conditional access: %v", v)
	}
	g.s.Grants.Each("ada@example.com", func(x *service.Grant) { x.Failure = "" })
	g.a.ClientSecret = "wrong"
	if v := g.refresh(401); v["error"] != "invalid_client" {
		t.Errorf("wrong secret: %v", v)
	}
}

func TestTheFifthCallAtOnceIsThrottled(t *testing.T) {
	t.Parallel()
	o := polite()
	o.Latency = 200 * time.Millisecond
	g := newRig(t, o)
	var wg sync.WaitGroup
	status := make([]int, 8)
	for i := range status {
		wg.Go(func() {
			req, _ := http.NewRequest("GET", g.s.GraphURL()+"/me/calendars", nil)
			req.Header.Set("Authorization", "Bearer "+g.token)
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				status[i] = resp.StatusCode
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	n := map[int]int{}
	for _, s := range status {
		n[s]++
	}
	if n[200] != 4 || n[429] == 0 || n[503] == 0 {
		t.Errorf("answers to 8 calls at once: %v; want 4 good ones, the others 429 or 503", n)
	}
}

type receiver struct {
	*httptest.Server
	got  chan map[string]any
	mute bool
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{got: make(chan map[string]any, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if token := req.URL.Query().Get("validationToken"); token != "" {
			w.Header().Set("Content-Type", "text/plain")
			if !r.mute {
				io.WriteString(w, token)
			}
			return
		}
		var v map[string]any
		json.NewDecoder(req.Body).Decode(&v)
		r.got <- v
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) next(t *testing.T) map[string]any {
	t.Helper()
	select {
	case v := <-r.got:
		return values(v)[0]
	case <-time.After(5 * time.Second):
		t.Fatal("no notification came")
		return nil
	}
}

func TestSubscriptionsAreValidatedAndNotified(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	r := newReceiver(t)
	body := fmt.Sprintf(`{"changeType":"created,updated,deleted","notificationUrl":"%s/push","lifecycleNotificationUrl":"%s/life","resource":"me/events","expirationDateTime":%q,"clientState":"secret"}`,
		r.URL, r.URL, g.now.Add(10000*time.Minute).Format(time.RFC3339))
	r.mute = true
	if v := g.do(400, "POST", "/subscriptions", body); code(v) != "ValidationError" {
		t.Errorf("a receiver that does not answer: %v", v)
	}
	r.mute = false
	sub := g.do(201, "POST", "/subscriptions", body)["id"].(string)
	g.do(409, "POST", "/subscriptions", body)
	id := g.single("x", monday)
	if n := r.next(t); n["clientState"] != "secret" || n["changeType"] != "created" || n["subscriptionId"] != sub ||
		n["resourceData"].(map[string]any)["id"] != ImmutableID(id, "") {
		t.Errorf("notification: %v", n)
	}
	must(t, g.cal.Edit(id, func(x *truth.Content) { x.Title = "y" }))
	if n := r.next(t); n["changeType"] != "updated" {
		t.Errorf("notification: %v", n)
	}
	g.s.Lifecycle(g.cal, "subscriptionRemoved")
	if n := r.next(t); n["lifecycleEvent"] != "subscriptionRemoved" || n["clientState"] != "secret" {
		t.Errorf("lifecycle notification: %v", n)
	}
	renew := fmt.Sprintf(`{"expirationDateTime":%q}`, g.now.Add(time.Hour).Format(time.RFC3339))
	g.do(404, "PATCH", "/subscriptions/"+sub, renew)
	sub = g.do(201, "POST", "/subscriptions", body)["id"].(string)
	g.do(200, "PATCH", "/subscriptions/"+sub, renew)
	g.now = g.now.Add(59 * time.Minute)
	g.do(400, "PATCH", "/subscriptions/"+sub, fmt.Sprintf(`{"expirationDateTime":%q}`, g.now.AddDate(0, 0, 8).Format(time.RFC3339)))
	g.do(204, "DELETE", "/subscriptions/"+sub, "")
	g.do(404, "DELETE", "/subscriptions/"+sub, "")
}

func TestTimesOfAllDayEvents(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	day := time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC)
	for zone, want := range map[string]string{"Europe/Berlin": "2026-11-10T23:00:00.0000000", "Asia/Tokyo": "2026-11-10T15:00:00.0000000", "America/New_York": "2026-11-11T05:00:00.0000000"} {
		id, err := g.cal.Add(truth.Event{Content: truth.Content{Title: "day", Start: day, End: day.AddDate(0, 0, 1), AllDay: true, Zone: zone}})
		must(t, err)
		e := g.do(200, "GET", "/me/events/"+ImmutableID(id, ""), "")
		if got := e["start"].(map[string]any)["dateTime"]; got != want || e["isAllDay"] != true {
			t.Errorf("%s: starts at %v, want %s", zone, got, want)
		}
	}
}

func TestWritesFollowTheRules(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	const times = `"start":{"dateTime":"2026-11-09T10:00:00.0000000","timeZone":"W. Europe Standard Time"},"end":{"dateTime":"2026-11-09T11:00:00.0000000","timeZone":"W. Europe Standard Time"}`
	body := `{"subject":"A","transactionId":"t1","isOnlineMeeting":true,` + times + `}`
	made := g.do(201, "POST", "/me/events", body)
	if again := g.do(201, "POST", "/me/events", body); again["id"] != made["id"] {
		t.Error("the same transactionId made two events")
	}
	if made["onlineMeeting"] == nil || made["start"].(map[string]any)["dateTime"] != "2026-11-09T09:00:00.0000000" {
		t.Errorf("created: %v", made)
	}
	id := "/me/events/" + made["id"].(string)
	if v := g.do(200, "PATCH", id, `{"subject":"B","isOnlineMeeting":false}`); v["subject"] != "B" || v["isOnlineMeeting"] != true {
		t.Errorf("patched: %v", v)
	}
	g.do(400, "PATCH", id, `{"start":{"dateTime":"2026-11-09T10:00:00","timeZone":"Nowhere"}}`)
	g.do(400, "POST", id+"/decline", `{}`)
	g.do(202, "POST", id+"/cancel", `{"comment":"x"}`)
	g.do(404, "DELETE", id, "")
	series := g.do(201, "POST", "/me/events", `{"subject":"S",`+times+`,"recurrence":{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["monday"]},"range":{"type":"numbered","startDate":"2026-11-09","numberOfOccurrences":3}}}`)
	rows := values(g.do(200, "GET", "/me/events/"+series["id"].(string)+"/instances?startDateTime=2026-11-01T00:00:00Z&endDateTime=2027-03-01T00:00:00Z", ""))
	if len(rows) != 3 || rows[1]["type"] != "occurrence" || rows[1]["originalStart"] != "2026-11-23T09:00:00Z" {
		t.Errorf("instances: %v", rows)
	}
	g.do(204, "DELETE", "/me/events/"+rows[1]["id"].(string), "")
	if n := len(g.cal.Occurrences(monday, monday.AddDate(0, 6, 0))); n != 2 {
		t.Errorf("%d occurrences after one was deleted, want 2", n)
	}
}

func TestAccountsWithoutRightsOrMailbox(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite(), "Calendars.Read", "User.Read")
	g.do(200, "GET", "/me/calendars", "")
	g.do(403, "POST", "/me/events", "{}")
	g.a.NoMailbox = true
	if v := g.do(404, "GET", "/me/calendars", ""); code(v) != "MailboxNotEnabledForRESTAPI" {
		t.Errorf("no mailbox: %v", v)
	}
	g.do(200, "GET", "/me", "")
	g.a.NoMailbox, g.a.Personal = false, true
	g.do(403, "POST", "/me/calendar/getSchedule", "{}")
	g.now = g.now.Add(2 * time.Hour)
	if v := g.do(401, "GET", "/me", ""); code(v) != "InvalidAuthenticationToken" {
		t.Errorf("expired: %v", v)
	}
}

func TestGetScheduleShowsWhatTakesTime(t *testing.T) {
	t.Parallel()
	g := newRig(t, polite())
	g.single("x", monday)
	v := g.do(200, "POST", "/me/calendar/getSchedule", `{"schedules":["ada@example.com","nobody@example.com"],"startTime":{"dateTime":"2026-11-09T08:00:00","timeZone":"UTC"},"endTime":{"dateTime":"2026-11-09T12:00:00","timeZone":"UTC"},"availabilityViewInterval":60}`)
	rows := values(v)
	if rows[0]["availabilityView"] != "0200" || rows[1]["error"] == nil {
		t.Errorf("schedule: %v", rows)
	}
}
