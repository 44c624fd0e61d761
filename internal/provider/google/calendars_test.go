package google

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

func TestCalendarsAreListedPageByPage(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Query.Get("pageToken") == "" {
			providertest.Answer(w, 200, `{"items":[{"id":"team","summary":"Team","accessRole":"reader","timeZone":"Europe/Berlin"},{"id":"old","deleted":true},{"id":"no","hidden":true}],"nextPageToken":"2"}`)
			return
		}
		providertest.Answer(w, 200, `{"items":[{"id":"me@example.com","primary":true,"accessRole":"owner"},{"id":"x","summary":"X","summaryOverride":"Mine","accessRole":"writerWithoutPrivateAccess"}]}`)
	})
	got, err := acc.Calendars(t.Context())
	if err != nil || len(f.Requests()) != 2 {
		t.Fatal(err)
	}
	want := []calendar.Info{
		{ID: "team", Name: "Team", Email: "me@example.com", TimeZone: "Europe/Berlin"},
		{ID: "me@example.com", Name: "me@example.com", Email: "me@example.com", Primary: true, CanWrite: true},
		{ID: "x", Name: "Mine", Email: "me@example.com", CanWrite: true},
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(calendar.Info{}, "Metadata")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestTheAliasPrimaryIsResolved(t *testing.T) {
	acc, _, _ := connect(t, always(200, `{"id":"me@example.com","primary":true,"accessRole":"owner"}`))
	got, err := acc.Calendar(t.Context(), "primary")
	if err != nil || got.ID != "me@example.com" || got.Email != "me@example.com" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Trap 16: scope calendar.events allows neither calendar list nor free/busy.
func TestTrap16ScopeForEventsOnlyIsEnoughForACalendarAndForBusyTime(t *testing.T) {
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if !strings.HasSuffix(r.Path, "/events") {
			w.Header().Set("WWW-Authenticate", `Bearer realm="https://accounts.google.com/", error="insufficient_scope"`)
			providertest.Answer(w, 403, refused(403, "insufficientPermissions"))
			return
		}
		providertest.Answer(w, 200, `{"summary":"My life","timeZone":"Asia/Tokyo","accessRole":"owner","items":[
			{"id":"a","status":"confirmed","organizer":{"email":"me@example.com","self":true},"start":{"date":"2026-11-13"},"end":{"date":"2026-11-14"}},
			{"id":"b","status":"confirmed","start":{"dateTime":"2026-11-12T10:00:00Z"},"end":{"dateTime":"2026-11-12T11:00:00Z"}},
			{"id":"c","status":"confirmed","transparency":"transparent","start":{"dateTime":"2026-11-12T10:00:00Z"},"end":{"dateTime":"2026-11-12T11:00:00Z"}},
			{"id":"d","status":"confirmed","eventType":"workingLocation","start":{"date":"2026-11-12"},"end":{"date":"2026-11-13"}},
			{"id":"e","status":"confirmed","attendees":[{"self":true,"responseStatus":"declined"}],"start":{"dateTime":"2026-11-12T10:00:00Z"},"end":{"dateTime":"2026-11-12T11:00:00Z"}}]}`)
	})
	if _, err := acc.Calendars(t.Context()); kindOf(t, err) != calendar.PermissionDenied {
		t.Errorf("err %v, want permission denied and nothing worse", err)
	}
	info, err := acc.Calendar(t.Context(), "primary")
	if err != nil || info.ID != "me@example.com" || info.Name != "My life" || info.TimeZone != "Asia/Tokyo" || !info.CanWrite {
		t.Errorf("%+v, %v", info, err)
	}
	busy, err := acc.FreeBusy(t.Context(), []string{"primary"}, window)
	want := []calendar.Busy{
		{Calendar: "primary", Start: at("2026-11-12T10:00:00Z"), End: at("2026-11-12T11:00:00Z"), Kind: "busy"},
		{Calendar: "primary", Start: at("2026-11-12T15:00:00Z"), End: at("2026-11-13T15:00:00Z"), Kind: "busy"},
	}
	if d := cmp.Diff(want, busy); d != "" || err != nil {
		t.Errorf("err %v (-want +got):\n%s", err, d)
	}
}

func TestAnUnknownCalendarIsNotFound(t *testing.T) {
	acc, _, _ := connect(t, always(404, refused(404, "notFound")))
	if _, err := acc.Calendar(t.Context(), "nobody"); kindOf(t, err) != calendar.NotFound {
		t.Error(err)
	}
}

func TestBusyTimeOfManyCalendarsIsAskedFiftyAtATime(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		cals := map[string]any{}
		for _, it := range r.JSON(t)["items"].([]any) {
			id := it.(map[string]any)["id"].(string)
			cals[id] = map[string]any{"busy": []map[string]string{{"start": "2026-11-12T10:00:00Z", "end": "2026-11-12T11:00:00Z"}}}
		}
		providertest.Answer(w, 200, map[string]any{"calendars": cals})
	})
	var ids []string
	for i := range 120 {
		ids = append(ids, fmt.Sprint("c", i))
	}
	busy, err := acc.FreeBusy(t.Context(), ids, window)
	if err != nil || len(busy) != 120 || len(f.Requests()) != 3 {
		t.Errorf("%d spans in %d calls, err %v; want 120 in 3", len(busy), len(f.Requests()), err)
	}
}

func TestAnErrorInsideOfA200IsAnError(t *testing.T) {
	for reason, want := range map[string]calendar.ErrorKind{"notFound": calendar.NotFound, "internalError": calendar.Transient, "tooManyCalendarsRequested": calendar.Refused} {
		acc, _, _ := connect(t, always(200, `{"calendars":{"c":{"errors":[{"domain":"global","reason":"`+reason+`"}]}}}`))
		if _, err := acc.FreeBusy(t.Context(), []string{"c"}, calendar.Window{Start: providertest.Start, End: providertest.Start.Add(time.Hour)}); kindOf(t, err) != want {
			t.Errorf("%s: %v, want %s", reason, err, want)
		}
	}
}
