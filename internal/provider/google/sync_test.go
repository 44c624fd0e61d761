package google

import (
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"steno/internal/calendar"
	"steno/internal/provider/providertest"
)

var window = calendar.Window{
	Start: time.Date(2026, 11, 12, 9, 0, 0, 500, time.UTC),
	End:   time.Date(2026, 12, 13, 9, 0, 0, 500, time.UTC),
}

// Trap 1: 410 swallowed as an empty page.
func TestTrap1A410IsALostCursorAndAFullRoundBeginsWithoutIt(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Query.Has("syncToken") {
			providertest.Answer(w, 410, `{"error":{"code":410,"message":"Sync token is no longer valid, a full sync is required.","errors":[{"domain":"calendar","reason":"fullSyncRequired","locationType":"parameter","location":"syncToken"}]}}`)
			return
		}
		providertest.Answer(w, 200, `{"items":[],"nextSyncToken":"new"}`)
	})
	page, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal", Cursor: "g1:old"})
	if kindOf(t, err) != calendar.CursorLost || page.Cursor != "" {
		t.Fatalf("page %+v err %v, want a lost cursor", page, err)
	}
	page, err = acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal"})
	if err != nil || page.Cursor != "g1:new" {
		t.Errorf("cursor %q, err %v", page.Cursor, err)
	}
	if n := len(f.Requests()); n != 2 {
		t.Errorf("%d calls, want 2: a 410 is not tried again", n)
	}
}

func TestACursorOfOtherParametersIsLostWithoutACall(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{}`))
	for _, cursor := range []calendar.Cursor{"g0:token", "token", "g1:"} {
		if _, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal", Cursor: cursor}); kindOf(t, err) != calendar.CursorLost {
			t.Errorf("cursor %q: %v, want lost", cursor, err)
		}
	}
	if len(f.Requests()) != 0 {
		t.Error("the service was called")
	}
}

// Trap 3: parameters that Google refuses beside a sync token. And all others
// must be equal in every round.
func TestTrap3RoundsShareTheirParametersAndSendNoForbiddenOne(t *testing.T) {
	acc, f, _ := connect(t, always(200, `{"nextSyncToken":"s"}`))
	for _, q := range []calendar.RoundRequest{
		{Calendar: "cal", Window: window}, {Calendar: "cal", Window: window, PageToken: "p"},
		{Calendar: "cal", Window: window, Cursor: "g1:s"}, {Calendar: "cal", Window: window, Cursor: "g1:s", PageToken: "p"},
	} {
		if _, err := acc.Round(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range f.Requests() {
		want := map[string]string{"maxResults": "2500", "singleEvents": "false", "alt": "json", "prettyPrint": "false"}
		if i%2 == 1 {
			want["pageToken"] = "p"
		}
		if i >= 2 {
			want["syncToken"] = "s" // also together with the page token
		}
		got := map[string]string{}
		for k := range r.Query {
			got[k] = r.Query.Get(k)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("call %d (-want +got):\n%s", i, d)
		}
		if r.Path != "/calendar/v3/calendars/cal/events" {
			t.Errorf("path %s", r.Path)
		}
	}
}

// Trap 4: no nextSyncToken ever.
func TestTrap4AnEmptyMiddlePageIsNotTheEnd(t *testing.T) {
	pages := map[string]string{
		"":  `{"items":[{"id":"a","status":"confirmed","start":{"dateTime":"2026-11-12T09:00:00Z"},"end":{"dateTime":"2026-11-12T10:00:00Z"}}],"nextPageToken":"2"}`,
		"2": `{"items":[],"nextPageToken":"3","nextSyncToken":"not yet"}`,
		"3": `{"items":[{"id":"b","status":"cancelled"}],"nextSyncToken":"s"}`,
	}
	acc, _, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		providertest.Answer(w, 200, pages[r.Query.Get("pageToken")])
	})
	var ids []string
	var cursors []calendar.Cursor
	q := calendar.RoundRequest{Calendar: "cal"}
	for {
		p, err := acc.Round(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range p.Items {
			ids = append(ids, it.ID)
		}
		cursors = append(cursors, p.Cursor)
		if q.PageToken = p.Next; p.Next == "" {
			break
		}
	}
	if !slices.Equal(ids, []string{"a", "b"}) || !slices.Equal(cursors, []calendar.Cursor{"", "", "g1:s"}) {
		t.Errorf("ids %q cursors %q", ids, cursors)
	}
}

// Trap 5: touching a weekly meeting yields hundreds of rows up to 2099.
func TestTrap5ATouchedSeriesIsOneRowAndItsOccurrencesAreBounded(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		if r.Query.Get("singleEvents") == "false" {
			providertest.Answer(w, 200, `{"items":[{"id":"m","status":"confirmed","recurrence":["RRULE:FREQ=WEEKLY"],"start":{"dateTime":"2020-01-06T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2020-01-06T10:00:00+01:00","timeZone":"Europe/Berlin"}}],"nextSyncToken":"s"}`)
			return
		}
		providertest.Answer(w, 200, `{"items":[
			{"id":"m_1","recurringEventId":"m","status":"confirmed","originalStartTime":{"dateTime":"2026-11-16T09:00:00+01:00"},"start":{"dateTime":"2026-11-16T09:00:00+01:00","timeZone":"Europe/Berlin"},"end":{"dateTime":"2026-11-16T10:00:00+01:00"}},
			{"id":"m_2","recurringEventId":"m","status":"cancelled","originalStartTime":{"dateTime":"2026-11-23T09:00:00+01:00"}}]}`)
	})
	p, err := acc.Round(t.Context(), calendar.RoundRequest{Calendar: "cal", Cursor: "g1:s"})
	m := only(t, p, err)
	if m.Kind != calendar.Master || m.ID != "m" || len(m.Recurrence) != 1 || m.When.Zone != "Europe/Berlin" {
		t.Errorf("master %+v", m)
	}
	p, err = acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "cal", Series: "m", Window: window})
	o := only(t, p, err)
	if o.Kind != calendar.Occurrence || o.SeriesID != "m" || !o.Slot.Equal(time.Date(2026, 11, 16, 8, 0, 0, 0, time.UTC)) || o.Exception {
		t.Errorf("occurrence %+v", o)
	}
	p, err = acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "cal", Window: window})
	if err != nil || len(p.Items) != 1 {
		t.Errorf("%d occurrences of all series, err %v", len(p.Items), err)
	}
	for i, r := range f.Requests()[1:] {
		if r.Query.Get("timeMin") != "2026-11-12T09:00:00Z" || r.Query.Get("timeMax") != "2026-12-13T09:00:01Z" {
			t.Errorf("bounds %s to %s: they must take in the whole window", r.Query.Get("timeMin"), r.Query.Get("timeMax"))
		}
		if want := []string{"/calendar/v3/calendars/cal/events/m/instances", "/calendar/v3/calendars/cal/events"}[i]; r.Path != want {
			t.Errorf("path %s, want %s", r.Path, want)
		}
	}
}

func TestAnIDThatLooksLikeAPathStaysOneSegment(t *testing.T) {
	acc, f, _ := connect(t, always(404, refused(404, "notFound")))
	if _, err := acc.Event(t.Context(), "a/b@c", "x/../y?z#"); kindOf(t, err) != calendar.NotFound {
		t.Error(err)
	}
	if got := f.Requests()[0].Path; got != "/calendar/v3/calendars/a%2Fb%40c/events/x%2F..%2Fy%3Fz%23" {
		t.Errorf("path %s", got)
	}
	if _, err := acc.Event(t.Context(), "a", ""); kindOf(t, err) != calendar.NotFound || len(f.Requests()) != 1 {
		t.Errorf("an empty id lists the calendar: %v", err)
	}
}

func TestWhatIsShownAsCancelledIsNotFound(t *testing.T) {
	acc, _, _ := connect(t, always(200, `{"id":"a","status":"cancelled"}`))
	if _, err := acc.Event(t.Context(), "cal", "a"); kindOf(t, err) != calendar.NotFound {
		t.Error(err)
	}
	acc, _, _ = connect(t, always(410, refused(410, "deleted")))
	if _, err := acc.Event(t.Context(), "cal", "a"); kindOf(t, err) != calendar.NotFound {
		t.Error(err)
	}
	if _, err := acc.Occurrences(t.Context(), calendar.OccurrenceRequest{Calendar: "cal", Series: "a", Window: window}); kindOf(t, err) != calendar.NotFound {
		t.Error(err)
	}
}

// The goal of a full sync: 10,000 events are four list calls.
func TestTenThousandEventsAreFourListCalls(t *testing.T) {
	acc, f, _ := connect(t, func(w http.ResponseWriter, r providertest.Request) {
		from, _ := strconv.Atoi(r.Query.Get("pageToken"))
		size, _ := strconv.Atoi(r.Query.Get("maxResults"))
		items := []map[string]any{}
		for i := from; i < min(from+size, 10_000); i++ {
			items = append(items, map[string]any{"id": strconv.Itoa(i), "status": "confirmed",
				"start": map[string]string{"dateTime": "2026-11-12T09:00:00Z"}, "end": map[string]string{"dateTime": "2026-11-12T10:00:00Z"}})
		}
		page := map[string]any{"items": items}
		if from+size < 10_000 {
			page["nextPageToken"] = strconv.Itoa(from + size)
		} else {
			page["nextSyncToken"] = "s"
		}
		providertest.Answer(w, 200, page)
	})
	n, q := 0, calendar.RoundRequest{Calendar: "cal"}
	for {
		p, err := acc.Round(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		n += len(p.Items)
		if q.PageToken = p.Next; p.Next == "" {
			break
		}
	}
	if n != 10_000 || len(f.Requests()) != 4 || f.TokenCalls() != 1 {
		t.Errorf("%d events in %d list calls and %d token calls; want 10000, 4, 1", n, len(f.Requests()), f.TokenCalls())
	}
}
