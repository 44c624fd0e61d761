package google

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

const requestID = "0192F3A1-0000-7000-8000-00000000ABCD"

func p[T any](v T) *T { return &v }

// Trap 15: events lose their conference after our update.
func TestTrap15EveryWriteKeepsTheConference(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"id":"e","status":"confirmed"}`))
	if _, err := acc.Create(t.Context(), "cal", calendar.Change{RequestID: requestID, Title: p("x"), Conference: true, Notify: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := acc.Patch(t.Context(), "cal", "e", calendar.Change{Title: p("y")}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []struct{ method, path, updates string }{
		{"POST", "/calendar/v3/calendars/cal/events", "all"}, {"PATCH", "/calendar/v3/calendars/cal/events/e", "none"},
	} {
		r := f.Requests()[i]
		if r.Method != want.method || r.Path != want.path || r.Query.Get("conferenceDataVersion") != "1" || r.Query.Get("sendUpdates") != want.updates {
			t.Errorf("%s %s?%s", r.Method, r.Path, r.Query.Encode())
		}
	}
	if d := cmp.Diff(map[string]any{"summary": "y"}, f.Requests()[1].JSON(t)); d != "" {
		t.Errorf("a patch says more than it must (-want +got):\n%s", d)
	}
	body := f.Requests()[0].JSON(t)
	if body["id"] != "0192f3a100007000800000000000abcd" {
		t.Errorf("id %v", body["id"])
	}
	if d := cmp.Diff(map[string]any{"createRequest": map[string]any{"requestId": requestID, "conferenceSolutionKey": map[string]any{"type": "hangoutsMeet"}}}, body["conferenceData"]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestACreateThatWentThroughAndSaidItFailedMakesOneEvent(t *testing.T) {
	made := 0
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		switch {
		case r.Method == "GET":
			providertest.Answer(w, 200, `{"id":"0192f3a100007000800000000000abcd","status":"confirmed","summary":"x"}`)
		case made == 0:
			made++
			providertest.Answer(w, 503, refused(503, "backendError"))
		default:
			providertest.Answer(w, 409, refused(409, "duplicate"))
		}
	})
	it, err := acc.Create(t.Context(), "cal", calendar.Change{RequestID: requestID, Title: p("x")})
	if err != nil || it.ID != "0192f3a100007000800000000000abcd" || it.Title != "x" || len(f.Requests()) != 3 {
		t.Errorf("item %+v after %d calls, err %v", it, len(f.Requests()), err)
	}
}

func TestWithoutARequestIDACreateIsNotRepeated(t *testing.T) {
	acc, f, _ := connect(t, always(503, refused(503, "backendError")))
	if _, err := acc.Create(t.Context(), "cal", calendar.Change{Title: p("x")}); kindOf(t, err) != calendar.Transient || len(f.Requests()) != 1 {
		t.Errorf("%d calls, err %v; want 1", len(f.Requests()), err)
	}
}

func TestTimesAreWrittenInOneFormOnly(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"id":"e"}`))
	timed := calendar.When{Start: at("2026-11-12T09:00:00Z"), End: at("2026-11-12T10:00:00Z"), Zone: "Europe/Berlin"}
	allDay := calendar.When{Start: at("2026-11-12T00:00:00Z"), End: at("2026-11-13T00:00:00Z"), AllDay: true}
	for _, w := range []calendar.When{timed, allDay} {
		if _, err := acc.Patch(t.Context(), "cal", "e", calendar.Change{When: &w}); err != nil {
			t.Fatal(err)
		}
	}
	want := []map[string]any{
		{"start": map[string]any{"dateTime": "2026-11-12T09:00:00Z", "timeZone": "Europe/Berlin", "date": nil}, "end": map[string]any{"dateTime": "2026-11-12T10:00:00Z", "timeZone": "Europe/Berlin", "date": nil}},
		{"start": map[string]any{"date": "2026-11-12", "dateTime": nil, "timeZone": nil}, "end": map[string]any{"date": "2026-11-13", "dateTime": nil, "timeZone": nil}},
	}
	for i := range want {
		if d := cmp.Diff(want[i], f.Requests()[i].JSON(t)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}

func TestAPatchOfAttendeesKeepsWhatTheyAnswered(t *testing.T) {
	patches := 0
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Method == "GET" {
			providertest.Answer(w, 200, `{"id":"e","etag":"\"7\"","attendees":[{"email":"a@example.com","responseStatus":"accepted","comment":"late"},{"email":"gone@example.com","responseStatus":"declined"}]}`)
			return
		}
		if patches++; patches == 1 {
			providertest.Answer(w, 412, refused(412, "conditionNotMet"))
			return
		}
		providertest.Answer(w, 200, `{"id":"e"}`)
	})
	if _, err := acc.Patch(t.Context(), "cal", "e", calendar.Change{Attendees: p([]calendar.Person{{Email: "A@example.com"}, {Email: "b@example.com", Name: "B"}})}); err != nil {
		t.Fatal(err)
	}
	last := f.Requests()[3]
	want := map[string]any{"attendees": []any{
		map[string]any{"email": "a@example.com", "responseStatus": "accepted", "comment": "late"},
		map[string]any{"email": "b@example.com", "displayName": "B"},
	}}
	if d := cmp.Diff(want, last.JSON(t)); d != "" || last.Header.Get("If-Match") != `"7"` {
		t.Errorf("If-Match %s (-want +got):\n%s", last.Header.Get("If-Match"), d)
	}
}

func TestEmptyTextsAreWritten(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"id":"e"}`))
	if _, err := acc.Patch(t.Context(), "cal", "e", calendar.Change{Title: p(""), Description: p(""), Location: p("")}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]any{"summary": "", "description": "", "location": ""}, f.Requests()[0].JSON(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestDeletingWhatIsGoneIsNoError(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
		ok     bool
	}{{204, "", true}, {404, "notFound", true}, {410, "deleted", true}, {403, "forbidden", false}} {
		acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
			if c.status == 204 {
				w.WriteHeader(204)
				return
			}
			providertest.Answer(w, c.status, refused(c.status, c.reason))
		})
		if err := acc.Delete(t.Context(), "cal", "e"); (err == nil) != c.ok {
			t.Errorf("%d: %v", c.status, err)
		}
	}
}

func TestWatchSendsWhatTheCallerStored(t *testing.T) {
	until := providertest.Start.Add(6 * 24 * time.Hour)
	acc, f, _ := connect(t, always(200, `{"kind":"api#channel","id":"ch","resourceId":"res","expiration":"1763500000000"}`))
	ch, err := acc.Watch(t.Context(), calendar.WatchRequest{Calendar: "cal", ID: "ch", Secret: "s3", URL: "https://x.example/push", Until: until})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(calendar.Channel{ID: "ch", ProviderID: "res", Calendar: "cal", Expires: time.UnixMilli(1763500000000).UTC()}, ch); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]any{"id": "ch", "type": "web_hook", "address": "https://x.example/push", "token": "s3", "expiration": "1794992400000"}, f.Requests()[0].JSON(t)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// Trap 13: a channel id that was used is refused for ever.
func TestTrap13AWatchWithUnknownOutcomeIsNotRepeated(t *testing.T) {
	acc, f, _ := connect(t, func(http.ResponseWriter, providertest.Request) { panic(http.ErrAbortHandler) })
	_, err := acc.Watch(t.Context(), calendar.WatchRequest{Calendar: "cal", ID: "ch"})
	if kindOf(t, err) != calendar.Transient || len(f.Requests()) != 1 {
		t.Errorf("%d calls, err %v; want 1", len(f.Requests()), err)
	}
	acc, _, _ = connect(t, always(400, refused(400, "channelIdNotUnique")))
	if _, err := acc.Watch(t.Context(), calendar.WatchRequest{Calendar: "cal", ID: "ch"}); kindOf(t, err) != calendar.Refused || calendar.AsError(err).Reason != "channelIdNotUnique" {
		t.Errorf("err %v", err)
	}
}

// Trap 12: watching a deleted calendar. And calendars that cannot be watched.
func TestTrap12WhatCannotBeWatchedIsTold(t *testing.T) {
	for _, c := range []struct {
		status int
		reason string
		want   calendar.ErrorKind
	}{
		{404, "notFound", calendar.NotFound},
		{400, "pushNotSupportedForRequestedResource", calendar.Unsupported},
		{401, "push.webhookUrlUnauthorized", calendar.PermissionDenied}, // a 401 is about the token, whatever it says
		{400, "push.webhookUrlNotHttps", calendar.Unsupported},
		{403, "forbidden", calendar.Unsupported},
		{403, "insufficientPermissions", calendar.PermissionDenied},
		{403, "rateLimitExceeded", calendar.RateLimited},
	} {
		acc, _, _ := connect(t, always(c.status, refused(c.status, c.reason)))
		if _, err := acc.Watch(t.Context(), calendar.WatchRequest{Calendar: "cal", ID: "ch"}); kindOf(t, err) != c.want {
			t.Errorf("%s: %v, want %s", c.reason, err, c.want)
		}
	}
}

func TestStopSaysWhichChannelAndWhatIsGoneIsStopped(t *testing.T) {
	acc, f, _ := connect(t, always(404, refused(404, "notFound")))
	if err := acc.Stop(t.Context(), calendar.Channel{ID: "ch", ProviderID: "res"}); err != nil {
		t.Error(err)
	}
	if r := f.Requests()[0]; r.Path != "/calendar/v3/channels/stop" || !strings.Contains(r.Body, `"id":"ch"`) || !strings.Contains(r.Body, `"resourceId":"res"`) {
		t.Errorf("%s %s", r.Path, r.Body)
	}
	if _, err := acc.Renew(t.Context(), calendar.Channel{}, time.Time{}); kindOf(t, err) != calendar.Unsupported {
		t.Error(err)
	}
}
