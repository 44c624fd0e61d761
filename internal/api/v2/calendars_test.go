package v2_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"steno/internal/account"
	"steno/internal/calendar"
	"steno/internal/store/storetest"
)

const secretsOK = `"oauth_client_id":"app","oauth_client_secret":"canary-secret","oauth_refresh_token":"canary-token"`

func connectBody(platform, raw string) string {
	return fmt.Sprintf(`{"calendar_platform":%q,%s,"raw_calendar_id":%q}`, platform, secretsOK, raw)
}

// connect connects a calendar and syncs it.
func (s *stand) connect(t testing.TB, platform, raw string) string {
	t.Helper()
	r := s.call(t, s.key, "POST", "/v2/calendars", connectBody(platform, raw))
	var out struct {
		Data struct {
			ID string `json:"calendar_id"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != http.StatusCreated {
		t.Fatalf("connect: %d %s", r.status, r.body)
	}
	if err := s.calendars.Sync(t.Context(), out.Data.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.calendars.Watch(t.Context(), out.Data.ID); err != nil {
		t.Fatal(err)
	}
	return out.Data.ID
}

// found is an event as the API lists it.
type found struct {
	EventID      string `json:"event_id"`
	SeriesID     string `json:"series_id"`
	Title        string `json:"title"`
	BotScheduled bool   `json:"bot_scheduled"`
}

func (s *stand) events(t testing.TB, cal string) (list []found) {
	t.Helper()
	var out struct{ Data []found }
	r := s.call(t, s.key, "GET", "/v2/calendars/"+cal+"/events?limit=100", "")
	if err := json.Unmarshal([]byte(r.body), &out); err != nil || r.status != 200 {
		t.Fatalf("events: %d %s", r.status, r.body)
	}
	return out.Data
}

func titled(list []found, title string) found {
	for _, e := range list {
		if e.Title == title {
			return e
		}
	}
	return found{}
}

func TestAnswersAboutCalendarsHaveTheirShape(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	golden(t, "calendar-list-raw", s.call(t, s.key, "POST", "/v2/calendars/list-raw", `{"calendar_platform":"google",`+secretsOK+`,"oauth_tenant_id":"common"}`))
	golden(t, "calendar-create", s.call(t, s.key, "POST", "/v2/calendars", connectBody("microsoft", "team")))
	golden(t, "calendar-list-unsynced", s.call(t, s.key, "GET", "/v2/calendars", ""))
	s.now = s.now.Add(time.Second)
	cal := s.connect(t, "google", "primary")
	path := "/v2/calendars/" + cal
	golden(t, "calendar-details", s.call(t, s.key, "GET", path, ""))
	golden(t, "calendar-list-page", s.call(t, s.key, "GET", "/v2/calendars?limit=1&status=active&platform=google&account_email=ADA", ""))
	golden(t, "calendar-update", s.call(t, s.key, "PATCH", path, `{"oauth_refresh_token":"other"}`))
	golden(t, "calendar-sync", s.call(t, s.key, "POST", path+"/sync", ""))
	golden(t, "calendar-resubscribe", s.call(t, s.key, "POST", path+"/resubscribe", "{}"))

	golden(t, "events", s.call(t, s.key, "GET", path+"/events", ""))
	golden(t, "events-page", s.call(t, s.key, "GET", path+"/events?limit=1&show_cancelled=true&start_date=2026-03-02T00:00:00Z&status=tentative,confirmed", ""))
	golden(t, "series", s.call(t, s.key, "GET", path+"/series?event_type=recurring&show_cancelled=true", ""))
	list := s.events(t, cal)
	rich, day, weekly := titled(list, "Review <of> Q1"), titled(list, ""), titled(list, "Standup")
	golden(t, "event-rich", s.call(t, s.key, "GET", path+"/events/"+rich.EventID, ""))
	golden(t, "event-all-day", s.call(t, s.key, "GET", path+"/events/"+day.EventID, ""))

	golden(t, "calendar-bot-create", s.call(t, s.key, "POST", path+"/bots", fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, rich.EventID)))
	golden(t, "calendar-bot-again", s.call(t, s.key, "POST", path+"/bots", fmt.Sprintf(`{"bot_name":"N","event_id":%q,"series_id":%q,"all_occurrences":false}`, rich.EventID, rich.SeriesID)))
	golden(t, "calendar-bot-no-url", s.call(t, s.key, "POST", path+"/bots", fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, day.EventID)))
	golden(t, "calendar-bot-series", s.call(t, s.key, "POST", path+"/bots", fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":true,"extra":{"a":1}}`, weekly.SeriesID)))
	golden(t, "calendar-bot-update", s.call(t, s.key, "PATCH", path+"/bots", fmt.Sprintf(`{"bot_name":"M","series_id":%q,"all_occurrences":true}`, weekly.SeriesID)))
	golden(t, "calendar-bot-delete", s.call(t, s.key, "DELETE", path+"/bots", fmt.Sprintf(`{"event_id":%q,"all_occurrences":false,"series_id":"00000000-0000-0000-0000-000000000000"}`, weekly.EventID)))
	golden(t, "series-scheduled", s.call(t, s.key, "GET", path+"/series", ""))
	golden(t, "event-decisions", s.call(t, s.key, "GET", path+"/events/"+weekly.EventID+"/decisions", ""))
	golden(t, "calendar-bot-delete-series", s.call(t, s.key, "DELETE", path+"/bots", fmt.Sprintf(`{"series_id":%q,"all_occurrences":true}`, weekly.SeriesID)))
	golden(t, "calendar-bot-none", s.call(t, s.key, "DELETE", path+"/bots", fmt.Sprintf(`{"event_id":%q}`, weekly.EventID)))

	golden(t, "calendar-exists", s.call(t, s.key, "POST", "/v2/calendars", connectBody("google", "ada@example.com")))
	golden(t, "calendar-not-found", s.call(t, s.key, "GET", "/v2/calendars/00000000-0000-0000-0000-000000000000/events", ""))
	golden(t, "calendar-delete", s.call(t, s.key, "DELETE", path, ""))
	golden(t, "calendar-deleted", s.call(t, s.key, "GET", path, ""))
}

// Every answer to the fourteen operations must satisfy the reference document.
func TestAnswersAboutCalendarsSatisfyTheReferenceDocument(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	cal := s.connect(t, "microsoft", "primary")
	list := s.events(t, cal)
	rich, day, weekly := titled(list, "Review <of> Q1"), titled(list, ""), titled(list, "Standup")
	path, nobody := "/v2/calendars/"+cal, "/v2/calendars/00000000-0000-0000-0000-000000000000"
	one := fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":false,"event_id":%q}`, rich.SeriesID, rich.EventID)
	whole := fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":true}`, weekly.SeriesID)
	s.satisfy(t, []request{
		{"POST", "/v2/calendars/list-raw", `{"calendar_platform":"google",` + secretsOK + `}`},
		{"POST", "/v2/calendars/list-raw", `{"calendar_platform":"google","oauth_client_id":"a","oauth_client_secret":"wrong","oauth_refresh_token":"x"}`},
		{"POST", "/v2/calendars/list-raw", `{"calendar_platform":"microsoft","oauth_client_id":"a","oauth_client_secret":"b","oauth_refresh_token":"no-mailbox"}`},
		{"POST", "/v2/calendars", connectBody("google", "primary")}, {"POST", "/v2/calendars", connectBody("google", "primary")}, {"POST", "/v2/calendars", `{}`},
		{"GET", "/v2/calendars?limit=1", ""}, {"GET", "/v2/calendars?limit=50&account_email=nobody", ""},
		{"GET", path, ""}, {"GET", nobody, ""}, {"PATCH", path, "{" + secretsOK + "}"}, {"PATCH", nobody, "{" + secretsOK + "}"},
		{"POST", path + "/sync", ""}, {"POST", nobody + "/sync", ""}, {"POST", path + "/resubscribe", ""}, {"POST", nobody + "/resubscribe", ""},
		{"GET", path + "/events?limit=50&show_cancelled=true", ""}, {"GET", path + "/events?limit=1&show_cancelled=false", ""},
		{"GET", path + "/events/" + rich.EventID, ""}, {"GET", path + "/events/" + day.EventID, ""}, {"GET", path + "/events/" + weekly.EventID, ""}, {"GET", path + "/events/00000000-0000-0000-0000-000000000000", ""},
		{"GET", path + "/series?limit=50&show_cancelled=true", ""}, {"GET", path + "/series?limit=1&show_cancelled=false&event_type=one_off", ""},
		{"POST", path + "/bots", one}, {"POST", path + "/bots", one}, {"POST", path + "/bots", whole}, {"POST", nobody + "/bots", whole},
		{"PATCH", path + "/bots", one}, {"PATCH", path + "/bots", whole}, {"PATCH", nobody + "/bots", whole},
		{"DELETE", path + "/bots", one}, {"DELETE", path + "/bots", one}, {"DELETE", path + "/bots", whole},
		{"DELETE", path, ""}, {"DELETE", path, ""},
	})
}

func TestASendingKeyMayPutBotsOnEventsAndNothingElse(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	cal := s.connect(t, "google", "primary")
	rich := titled(s.events(t, cal), "Review <of> Q1")
	sending := s.newKey(t, s.team, account.Sending)
	body := fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, rich.EventID)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"POST", "/bots", 201}, {"PATCH", "/bots", 403}, {"DELETE", "/bots", 403}, {"GET", "", 403}, {"GET", "/events", 403}, {"POST", "/sync", 403}, {"DELETE", "", 403},
	} {
		if r := s.call(t, sending, c.method, "/v2/calendars/"+cal+c.path, body); r.status != c.want {
			t.Errorf("%s %s: %d, want %d: %s", c.method, c.path, r.status, c.want, r.body)
		}
	}
}

// Another team's calendar is answered like one that does not exist.
func TestCalendarsOfOtherTeamsAreNotFound(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	cal := s.connect(t, "google", "primary")
	rich := titled(s.events(t, cal), "Review <of> Q1")
	blue, err := s.accounts.CreateTeam(t.Context(), "blue")
	if err != nil {
		t.Fatal(err)
	}
	stranger := s.newKey(t, blue, account.Full)
	bots := fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, rich.EventID)
	for _, c := range []request{
		{"GET", "", ""}, {"PATCH", "", "{" + secretsOK + "}"}, {"DELETE", "", ""}, {"POST", "/sync", ""}, {"POST", "/resubscribe", ""}, {"GET", "/events", ""},
		{"GET", "/events/" + rich.EventID, ""}, {"GET", "/events/" + rich.EventID + "/decisions", ""}, {"GET", "/series", ""},
		{"POST", "/bots", bots}, {"PATCH", "/bots", bots}, {"DELETE", "/bots", bots},
	} {
		got := s.call(t, stranger, c.method, "/v2/calendars/"+cal+c.path, c.body)
		unknown := "0197f000-0000-7000-8000-000000000000"
		want := s.call(t, stranger, c.method, "/v2/calendars/"+unknown+c.path, c.body)
		if got.status != http.StatusNotFound || strings.ReplaceAll(got.body, cal, unknown) != want.body {
			t.Errorf("%s %s: %d %s, want %s", c.method, c.path, got.status, got.body, want.body)
		}
	}
	if r := s.call(t, stranger, "GET", "/v2/calendars", ""); !strings.Contains(r.body, `"data":[]`) {
		t.Errorf("list: %s", r.body)
	}
	// The same calendar may be connected by another team.
	if r := s.call(t, stranger, "POST", "/v2/calendars", connectBody("google", "primary")); r.status != http.StatusCreated {
		t.Errorf("connect: %d %s", r.status, r.body)
	}
}

// Bad input names the field and the cause, and stores nothing.
func TestBadInputAboutCalendarsStoresNothing(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	s.calendars.Options.MaxCalendars = 2
	cal := s.connect(t, "google", "primary")
	rich := titled(s.events(t, cal), "Review <of> Q1")
	before := s.call(t, s.key, "GET", "/v2/calendars", "").body
	with := func(from, to string) string { return strings.ReplaceAll(connectBody("google", "team"), from, to) }
	path := "/v2/calendars/" + cal
	for _, c := range []struct {
		name string
		request
		status int
		code   string
		says   string // in message or details
	}{
		{"wrong client secret", request{"POST", "/v2/calendars", with("canary-secret", "wrong")}, 401, calendar.CodeOAuth, "/oauth_client_secret"},
		{"revoked", request{"POST", "/v2/calendars", with("canary-token", "revoked")}, 401, calendar.CodeOAuth, "revoked"},
		{"no scope", request{"POST", "/v2/calendars", with("canary-token", "no-scope")}, 403, calendar.CodeDenied, "/oauth_refresh_token"},
		{"no mailbox", request{"POST", "/v2/calendars", with("canary-token", "no-mailbox")}, 403, calendar.CodeLicense, "licence"},
		{"service is down", request{"POST", "/v2/calendars", with("canary-token", "down")}, 503, calendar.CodeProvider, "try again"},
		{"unknown raw calendar", request{"POST", "/v2/calendars", connectBody("google", "unknown")}, 404, calendar.CodeRawNotFound, "/raw_calendar_id"},
		{"twice", request{"POST", "/v2/calendars", connectBody("google", "primary")}, 409, calendar.CodeExists, "/raw_calendar_id"},
		{"malformed JSON", request{"POST", "/v2/calendars", `{"calendar_platform":`}, 400, calendar.CodeValidation, ""},
		{"unknown platform", request{"POST", "/v2/calendars", connectBody("yahoo", "x")}, 400, calendar.CodeValidation, "/calendar_platform"},
		{"no refresh token", request{"POST", "/v2/calendars", `{"calendar_platform":"google","oauth_client_id":"a","oauth_client_secret":"b","raw_calendar_id":"x"}`}, 400, calendar.CodeValidation, "/oauth_refresh_token"},
		{"NUL", request{"POST", "/v2/calendars", with("team", `te\u0000am`)}, 400, calendar.CodeValidation, "/raw_calendar_id"},
		{"unknown calendar", request{"GET", "/v2/calendars/0197f000-0000-7000-8000-000000000000", ""}, 404, calendar.CodeNotFound, "0197f000"},
		{"no id", request{"GET", "/v2/calendars/cal_123", ""}, 400, calendar.CodeValidation, "/calendar_id"},
		{"empty update", request{"PATCH", path, `{}`}, 400, calendar.CodeValidation, "oauth_client_id"},
		{"update with revoked token", request{"PATCH", "/v2/calendars/0197f000-0000-7000-8000-000000000000", `{"oauth_refresh_token":"revoked"}`}, 404, calendar.CodeNotFound, ""},
		{"bad status", request{"GET", "/v2/calendars?status=happy", ""}, 400, calendar.CodeValidation, "/status"},
		{"bad cursor", request{"GET", path + "/events?cursor=AAAA", ""}, 400, calendar.CodeValidation, "/cursor"},
		{"bad date", request{"GET", path + "/events?start_date=2026-01-01T00:00:00%2B02:00", ""}, 400, calendar.CodeValidation, "/start_date"},
		{"bad switch", request{"GET", path + "/events?show_cancelled=perhaps", ""}, 400, calendar.CodeValidation, "/show_cancelled"},
		{"limit", request{"GET", path + "/events?limit=251", ""}, 400, calendar.CodeValidation, "/limit"},
		{"no target", request{"POST", path + "/bots", `{"bot_name":"N"}`}, 400, calendar.CodeValidation, "/event_id"},
		{"series without all", request{"POST", path + "/bots", fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":false}`, rich.SeriesID)}, 400, calendar.CodeValidation, "/event_id"},
		{"no name", request{"POST", path + "/bots", fmt.Sprintf(`{"event_id":%q}`, rich.EventID)}, 400, calendar.CodeValidation, "/bot_name"},
		{"callback without URL", request{"POST", path + "/bots", fmt.Sprintf(`{"bot_name":"N","event_id":%q,"callback_enabled":true}`, rich.EventID)}, 400, calendar.CodeValidation, "/callback_config/url"},
		{"unknown event", request{"POST", path + "/bots", `{"bot_name":"N","event_id":"0197f000-0000-7000-8000-000000000000"}`}, 404, calendar.CodeEventNotFound, "0197f000"},
		{"unknown series", request{"POST", path + "/bots", `{"bot_name":"N","series_id":"0197f000-0000-7000-8000-000000000000"}`}, 404, calendar.CodeSeriesNotFound, "0197f000"},
		{"flag without config", request{"PATCH", path + "/bots", fmt.Sprintf(`{"event_id":%q,"callback_enabled":true}`, rich.EventID)}, 400, calendar.CodeValidation, "/callback_config"},
		{"config without flag", request{"PATCH", path + "/bots", fmt.Sprintf(`{"event_id":%q,"callback_config":{"url":"https://x.example"}}`, rich.EventID)}, 400, calendar.CodeValidation, "/callback_enabled"},
		{"nothing to change", request{"PATCH", path + "/bots", fmt.Sprintf(`{"event_id":%q,"bot_name":"M"}`, rich.EventID)}, 404, calendar.CodeBotNotFound, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.call(t, s.key, c.method, c.path, c.body)
			code, message, details := r.problem(t)
			if r.status != c.status || code != c.code || !strings.Contains(message+details, c.says) {
				t.Errorf("%d %s, want %d %s saying %q", r.status, r.body, c.status, c.code, c.says)
			}
			if strings.Contains(r.body, "canary") {
				t.Errorf("a secret is shown: %s", r.body)
			}
		})
	}
	if after := s.call(t, s.key, "GET", "/v2/calendars", "").body; after != before {
		t.Errorf("something was stored:\n%s\nbefore:\n%s", after, before)
	}
	if strings.Contains(s.log.String(), "canary") {
		t.Error("a secret is in the log")
	}
	second := s.call(t, s.key, "POST", "/v2/calendars", connectBody("google", "team"))
	third := s.call(t, s.key, "POST", "/v2/calendars", connectBody("google", "third"))
	if code, _, _ := third.problem(t); second.status != 201 || third.status != http.StatusForbidden || code != calendar.CodeLimit {
		t.Errorf("over the limit: %d, then %d %s", second.status, third.status, third.body)
	}
}

// A connection whose new credentials are refused says so, and keeps the old ones.
func TestRefusedCredentialsMakeAConnectionFailingAndGoodOnesHealIt(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	cal := s.connect(t, "google", "primary")
	path := "/v2/calendars/" + cal
	status := func() string {
		var out struct{ Data struct{ Status string } }
		if err := json.Unmarshal([]byte(s.call(t, s.key, "GET", path, "").body), &out); err != nil {
			t.Fatal(err)
		}
		return out.Data.Status
	}
	for _, c := range []struct {
		body   string
		status int
		then   string
	}{
		{`{"oauth_refresh_token":"revoked"}`, 401, "error"},
		{`{"oauth_refresh_token":"no-scope"}`, 403, "permission_denied"},
		{`{"oauth_client_secret":"wrong"}`, 401, "error"},
		{`{"oauth_client_secret":"good"}`, 200, "active"},
	} {
		if r := s.call(t, s.key, "PATCH", path, c.body); r.status != c.status || status() != c.then {
			t.Errorf("%s: %d and %s, want %d and %s", c.body, r.status, status(), c.status, c.then)
		}
	}
}

// C11, C12: less than 4 minutes before it joins, a bot may not be changed.
func TestABotThatJoinsInLessThanFourMinutesIsLocked(t *testing.T) {
	s := newStand(t, storetest.SQLite(t))
	cal := s.connect(t, "google", "primary")
	list := s.events(t, cal)
	weekly, path := titled(list, "Standup"), "/v2/calendars/"+cal+"/bots"
	body := fmt.Sprintf(`{"bot_name":"N","event_id":%q}`, weekly.EventID)
	if r := s.call(t, s.key, "POST", path, fmt.Sprintf(`{"bot_name":"N","series_id":%q,"all_occurrences":true}`, weekly.SeriesID)); r.status != 201 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	s.now = s.now.Add(2*time.Hour - 4*time.Minute)
	if r := s.call(t, s.key, "PATCH", path, body); r.status != 200 {
		t.Errorf("exactly 4 minutes before: %d %s", r.status, r.body)
	}
	s.now = s.now.Add(time.Second)
	for _, method := range []string{"PATCH", "DELETE"} {
		r := s.call(t, s.key, method, path, body)
		if code, _, _ := r.problem(t); r.status != http.StatusConflict || code != calendar.CodeLockWindow {
			t.Errorf("%s: %d %s", method, r.status, r.body)
		}
	}
	whole := fmt.Sprintf(`{"series_id":%q,"all_occurrences":true}`, weekly.SeriesID)
	r := s.call(t, s.key, "DELETE", path, whole)
	if r.status != 200 || strings.Count(r.body, "event_id") != 3 || !strings.Contains(r.body, calendar.OutcomeLocked) {
		t.Errorf("series: %d %s", r.status, r.body)
	}
	// The locked one goes to its meeting nevertheless.
	s.now = s.now.Add(4 * time.Minute)
	if _, _, err := s.calendars.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := s.call(t, s.key, "GET", "/v2/bots", ""); strings.Count(r.body, `"bot_id"`) != 1 {
		t.Errorf("bots: %s", r.body)
	}
	r = s.call(t, s.key, "DELETE", path, body)
	if code, _, _ := r.problem(t); r.status != http.StatusConflict || code != calendar.CodeBotStatus {
		t.Errorf("after the launch: %d %s", r.status, r.body)
	}
}
