package contract

import (
	"net/http"
	"strings"
	"testing"
)

func TestReferenceHoldsFactsAndNoSentences(t *testing.T) {
	r := Load()
	if len(r.Operations) != 39 || len(r.Webhooks) != 11 || len(r.Callbacks) != 2 {
		t.Errorf("%d operations, %d webhooks, %d callbacks", len(r.Operations), len(r.Webhooks), len(r.Callbacks))
	}
	for _, o := range r.Operations {
		if o.Success() == 0 || o.Statuses["400"] == nil || o.Statuses["500"] == nil {
			t.Errorf("%s: statuses %v", o.ID, o.Statuses)
		}
		for status, s := range o.Statuses {
			if r.compiled[nameOf(s)] == nil {
				t.Errorf("%s %s has no schema", o.ID, status)
			}
		}
		if got, ok := r.Find(o.Method, o.Path); !ok || got.ID != o.ID {
			t.Errorf("%s %s is found as %q", o.Method, o.Path, got.ID)
		}
	}
	var walk func(path string, s any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if !strings.HasSuffix(path, "/properties") && (k == "description" || k == "title" || k == "summary" || k == "example" || k == "examples") {
					t.Errorf("%s/%s is a sentence", path, k)
				}
				walk(path+"/"+k, x)
			}
		case []any:
			for _, x := range v {
				walk(path, x)
			}
		}
	}
	for name, s := range r.Schemas {
		walk(name, map[string]any(s))
	}
}

// A check that lets everything through would be worth nothing.
func TestBrokenAnswersAreFound(t *testing.T) {
	const id = "0198c0de-0000-7000-8000-000000000000"
	good := `{"success":true,"data":{"bot_id":"` + id + `","status":"queued","transcription_status":"not-applicable","updated_at":"2026-03-01T12:00:00.000Z"}}`
	gone := `{"success":false,"error":"Not Found","code":"X","statusCode":404,"message":"m","details":null}`
	path := "/v2/bots/" + id + "/status"
	for _, c := range []struct {
		name, path string
		status     int
		body       string
		header     http.Header
		breaks     bool
	}{
		{"as documented", path, 200, good, nil, false},
		{"slash at the end", path + "/", 200, good, nil, false},
		{"error", path, 404, gone, nil, false},
		{"unknown path", "/v2/nothing", 404, gone, nil, false},
		{"member missing", path, 200, strings.Replace(good, `"status":"queued",`, "", 1), nil, true},
		{"member more", path, 200, strings.Replace(good, `"status"`, `"stat":1,"status"`, 1), nil, true},
		{"wrong type", path, 200, strings.Replace(good, `"queued"`, `7`, 1), nil, true},
		{"not in the enum", path, 200, strings.Replace(good, "queued", "flying", 1), nil, true},
		{"no UUID", path, 200, strings.Replace(good, id, "cal_123", 1), nil, true},
		{"offset", path, 200, strings.Replace(good, "000Z", "000+02:00", 1), nil, true},
		{"null", path, 200, strings.Replace(good, `"queued"`, "null", 1), nil, true},
		{"success is false", path, 200, strings.Replace(good, "true", "false", 1), nil, true},
		{"two documents", path, 200, good + good, nil, true},
		{"empty", path, 204, "", nil, true},
		{"status nobody knows", path, 418, strings.ReplaceAll(gone, "404", "418"), nil, true},
		{"key missing", path, 404, strings.Replace(gone, `,"details":null`, "", 1), nil, true},
		{"other status inside", path, 404, strings.Replace(gone, "404", "400", 1), nil, true},
		{"retryAfter missing", path, 429, strings.ReplaceAll(gone, "404", "429"), nil, true},
		{"retryAfter differs", path, 429, strings.Replace(strings.ReplaceAll(gone, "404", "429"), `null`, `null,"retryAfter":3`, 1), http.Header{"Retry-After": {"1"}}, true},
		{"retryAfter", path, 429, strings.Replace(strings.ReplaceAll(gone, "404", "429"), `null`, `null,"retryAfter":3`, 1), http.Header{"Retry-After": {"3"}}, false},
		{"text", path, 404, gone, http.Header{"Content-Type": {"text/plain"}}, true},
		{"unknown operation succeeds", "/v2/nothing", 200, `{"success":true}`, nil, true},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		for k, v := range c.header {
			h[k] = v
		}
		if bad := Load().Answer("GET", c.path, c.status, h, []byte(c.body)); (len(bad) > 0) != c.breaks {
			t.Errorf("%s: %q", c.name, bad)
		}
	}
}

func TestBrokenAnswersOfTheUnifiedCalendarAreFound(t *testing.T) {
	event := `{"id":"e1","provider":"google","title":"Retro","description":"","startTime":"2026-03-17T10:00:00-04:00","endTime":"2026-03-17T11:00:00-04:00","allDay":false,"location":"",` +
		`"meetingUrl":"","organizerEmail":"a@b.example","organizerName":"A","attendees":[{"email":"a@b.example","name":"A","status":"accepted"}],"status":"confirmed",` +
		`"htmlLink":"https://calendar.google.com/calendar/event?eid=x","created":"2026-03-10T14:00:00.000Z","updated":"2026-03-10T14:00:00.000Z"}`
	one, list := `{"success":true,"event":`+event+`}`, `{"success":true,"events":[`+event+`],"count":1}`
	graph := strings.NewReplacer(`"google"`, `"microsoft"`, "-04:00", "Z", "confirmed", "busy", `"accepted"`, `"organizer"`)
	day := strings.NewReplacer("T10:00:00-04:00", "", "17T11:00:00-04:00", "18", "false", "true")
	gone := `{"success":false,"error":"no such event","code":"EVENT_NOT_FOUND"}`
	const base = "/api/v2/calendar"
	for _, c := range []struct {
		name, path string
		status     int
		body       string
		header     http.Header
		breaks     bool
	}{
		{"an event of Google", "/events/e1", 200, one, nil, false},
		{"an event of Microsoft", "/events/e1", 200, graph.Replace(one), nil, false},
		{"an all-day event", "/events/e1", 200, day.Replace(one), nil, false},
		{"additions", "/events/e1", 200, strings.Replace(one, `"id"`, `"calendarId":"c","seriesId":"s","recurrence":["RRULE:FREQ=DAILY"],"id"`, 1), nil, false},
		{"a list", "/events", 200, list, nil, false},
		{"a list with a trouble", "/events", 200, strings.Replace(list, `"count"`, `"errors":[{"provider":"google","calendarId":"c","code":"PROVIDER_ERROR","error":"m"}],"count"`, 1), nil, false},
		{"a trouble without a code", "/events", 200, strings.Replace(list, `"count"`, `"errors":[{"provider":"google","calendarId":"c","error":"m"}],"count"`, 1), nil, true},
		{"no troubles, said", "/events", 200, strings.Replace(list, `"count"`, `"errors":[],"count"`, 1), nil, true},
		{"a member more", "/events/e1", 200, strings.Replace(one, `"id"`, `"iCalUID":"x","id"`, 1), nil, true},
		{"a member less", "/events/e1", 200, strings.Replace(one, `"location":"",`, "", 1), nil, true},
		{"null", "/events/e1", 200, strings.Replace(one, `"location":""`, `"location":null`, 1), nil, true},
		{"no attendees at all", "/events/e1", 200, strings.Replace(one, `[{"email":"a@b.example","name":"A","status":"accepted"}]`, "null", 1), nil, true},
		{"a status of nobody", "/events/e1", 200, strings.Replace(one, "accepted", "maybe", 1), nil, true},
		{"Google's word at Microsoft", "/events/e1", 200, strings.Replace(graph.Replace(one), "busy", "confirmed", 1), nil, true},
		{"an offset at Microsoft", "/events/e1", 200, strings.Replace(graph.Replace(one), "T10:00:00Z", "T10:00:00+01:00", 1), nil, true},
		{"a time of an all-day event", "/events/e1", 200, strings.Replace(one, "false", "true", 1), nil, true},
		{"a date of a timed event", "/events/e1", 200, strings.Replace(day.Replace(one), `"allDay":true`, `"allDay":false`, 1), nil, true},
		{"created without milliseconds", "/events/e1", 200, strings.Replace(one, "00.000Z", "00Z", 1), nil, true},
		{"created", "/events/e1", 201, one, nil, true},
		{"an error", "/events/e1", 404, gone, nil, false},
		{"an error with more", "/events/e1", 404, strings.Replace(gone, `"code"`, `"statusCode":404,"code"`, 1), nil, true},
		{"an error without a code", "/events/e1", 404, `{"success":false,"error":"m"}`, nil, true},
		{"a status nobody decided", "/events/e1", 418, gone, nil, true},
		{"when to come again", "/events/e1", 429, gone, http.Header{"Retry-After": {"1"}}, false},
		{"not when", "/events/e1", 429, gone, nil, true},
		{"nothing there", "/nothing", 404, gone, nil, false},
		{"something there that is not", "/nothing", 200, `{"success":true}`, nil, true},
		{"a feed", "/events.ics", 200, "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", http.Header{"Content-Type": {"text/calendar; charset=utf-8"}, "Etag": {`"x"`}}, false},
		{"a feed that is cut", "/events.ics", 200, "BEGIN:VCALENDAR\r\n", http.Header{"Content-Type": {"text/calendar; charset=utf-8"}, "Etag": {`"x"`}}, true},
		{"a feed that is not new", "/events.ics", 304, "", http.Header{"Etag": {`"x"`}}, false},
	} {
		h := http.Header{"Content-Type": {"application/json"}}
		for k, v := range c.header {
			h[k] = v
		}
		if bad := LoadUnified().Answer("GET", base+c.path, c.status, h, []byte(c.body)); (len(bad) > 0) != c.breaks {
			t.Errorf("%s: %q", c.name, bad)
		}
	}
	if r := LoadUnified(); len(r.Operations) != 13 {
		t.Errorf("%d operations", len(r.Operations))
	}
}

func TestBrokenPayloadsAreFound(t *testing.T) {
	good := `{"event":"bot.failed","data":{"bot_id":"0198c0de-0000-7000-8000-000000000000","event_id":null,"error_message":"m","error_code":"c","sent_at":"2026-03-01T12:00:00.000Z"},"extra":null}`
	if bad := Load().Message("bot.failed", []byte(good)); len(bad) > 0 {
		t.Error(bad)
	}
	if bad := Load().Callback("bot.failed", []byte(good)); len(bad) > 0 {
		t.Error(bad)
	}
	for _, broken := range []string{strings.Replace(good, `,"extra":null`, "", 1), strings.Replace(good, "null", "7", 1), strings.Replace(good, "bot.failed", "bot.completed", 1), good[1:]} {
		if bad := Load().Message("bot.failed", []byte(broken)); len(bad) == 0 {
			t.Errorf("let through: %s", broken)
		}
	}
}
