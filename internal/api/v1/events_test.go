package v1_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "steno/internal/api/v1"
	"steno/internal/calendar"
	"steno/internal/store"
	"steno/internal/store/storetest"
)

// single is an event of the fake service.
func single(id string, start time.Time, organizer string, attendees ...string) calendar.Item {
	f := calendar.Fields{Title: id, When: calendar.When{Start: start, End: start.Add(time.Hour)}, Status: calendar.Confirmed}
	f.Organizer = calendar.Person{Email: organizer, Organizer: true}
	for _, a := range attendees {
		f.Attendees = append(f.Attendees, calendar.Person{Email: a, Response: "accepted"})
	}
	return calendar.Item{Kind: calendar.Single, ID: id, Fields: f}
}

// again has the service's calendar read anew.
func (s *stand) again(t testing.TB, id string) {
	t.Helper()
	s.now = s.now.Add(20 * time.Minute)
	s.sync(t, id)
}

func TestEventsAreFiltered(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		begin := s.now
		day := func(n int) time.Time { return begin.AddDate(0, 0, n) }
		s.calendars.Options.Behind = 48 * time.Hour
		s.google.Items = []calendar.Item{
			single("past", day(-1), "ada@example.com", "bob@example.com"),
			single("running", begin.Add(-30*time.Minute), "Bob@Example.com"),
			single("soon", day(1), "bob@example.com", "ADA@example.com", "carol@example.com"),
			single("later", day(2), "ada@example.com", "a_a@example.com"),
			single("last", day(3), "", "ada@example.community"),
		}
		id := s.connect(t, "Google")
		s.now = s.now.Add(time.Hour)
		s.google.Items = append(slices.Delete(s.google.Items, 3, 4), calendar.Item{Kind: calendar.Tombstone, ID: "later"}, single("new", day(4), "ada@example.com")) // later is gone
		s.again(t, id)
		at := func(d time.Time) string { return url.QueryEscape(d.Format(time.RFC3339)) }
		for query, want := range map[string][]string{
			"":                                 {"soon", "last", "new"},
			"&status=":                         {"soon", "last", "new"},
			"&status=upcoming":                 {"soon", "last", "new"},
			"&status=past":                     {"past", "running"},
			"&status=all":                      {"past", "running", "soon", "last", "new"},
			"&organizer_email=bob@example.com": {"soon"},
			"&status=all&organizer_email=BOB@example.com":                                  {"running", "soon"},
			"&attendee_email=ada@example.com":                                              {"soon"},
			"&attendee_email=Ada@Example.Com":                                              {"soon"},
			"&attendee_email=da@example.com":                                               nil,
			"&attendee_email=%25":                                                          nil,
			"&attendee_email=a_a@example.com&updated_at_gte=2026-01-01":                    {"later"},
			"&attendee_email=aaa@example.com&updated_at_gte=2026-01-01":                    nil,
			"&attendee_email=bob@example.com&status=all":                                   {"past"},
			"&organizer_email=nobody@example.com":                                          nil,
			"&start_date_gte=" + at(day(3)):                                                {"last", "new"},
			"&start_date_lte=" + at(day(3)):                                                {"soon", "last"},
			"&start_date_gte=" + day(3).Format("2006-01-02T15:04:05"):                      {"last", "new"},
			"&start_date_gte=" + at(day(3).In(time.FixedZone("", 7200))):                   {"last", "new"},
			"&start_date_gte=2026-03-04T14:00:00+02:00":                                    {"last", "new"}, // the plus sign as it comes
			"&start_date_gte=2026-03-05":                                                   {"new"},
			"&start_date_gte=" + at(day(4).Add(time.Second)):                               nil,
			"&start_date_gte=" + at(day(1)) + "&start_date_lte=" + at(day(1)):              {"soon"},
			"&updated_at_gte=" + at(begin.Add(30*time.Minute)):                             {"later", "new"}, // with what is deleted
			"&updated_at_gte=" + at(begin.Add(30*time.Minute)) + "&attendee_email=x@y.com": nil,
			"&updated_at_gte=" + at(day(9)):                                                nil,
		} {
			if got := names(s.list(t, id, query)); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
		for _, e := range s.list(t, id, "&updated_at_gte=2026-01-01") {
			if e.Deleted != (e.Name == "later") {
				t.Errorf("%s: deleted %v", e.Name, e.Deleted)
			}
		}
		for _, wrong := range []string{"&status=now", "&start_date_gte=yesterday", "&updated_at_gte=1", "&cursor=x", "&organizer_email=" + strings.Repeat("a", 2000)} {
			s.refuse(t, 400, "ValidationError", "GET", "/calendar_events?calendar_id="+id+wrong, "")
		}
		s.refuse(t, 400, "ValidationError", "GET", "/calendar_events", "")
	})
}

// A page holds exactly a hundred events, and what happens meanwhile neither
// hides nor doubles one.
func TestEventsComeInPagesOfAHundred(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		s := newStand(t, db)
		s.google.Items = nil
		for n := range 230 {
			s.google.Items = append(s.google.Items, single(fmt.Sprintf("e%03d", n), s.now.Add(24*time.Hour+time.Duration(n/2)*time.Minute), "ada@example.com"))
		}
		id := s.connect(t, "Google")
		var got []string
		var sizes []int
		path := "/calendar_events/?calendar_id=" + id
		for cursor := ""; ; {
			page := ok[events](t, s, "GET", path+"&cursor="+url.QueryEscape(cursor), "")
			got, sizes = append(got, names(page.Data)...), append(sizes, len(page.Data))
			if page.Next == nil {
				break
			}
			if cursor == "" { // the first page changes behind the cursor
				s.google.Items = append(s.google.Items[5:], single("e000b", s.now.Add(24*time.Hour), ""))
				s.again(t, id)
			}
			cursor = *page.Next
		}
		slices.Sort(got)
		if !slices.Equal(sizes, []int{100, 100, 30}) || len(slices.Compact(got)) != 230 {
			t.Errorf("pages of %v, %d events", sizes, len(slices.Compact(got)))
		}
		next := ok[events](t, s, "GET", path, "").Next
		s.refuse(t, 400, "ValidationError", "GET", path+"&status=all&cursor="+url.QueryEscape(*next), "") // of another list
	})
}

func TestAnEventShowsWhatTheServiceHas(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	rich := ok[v1.Event](t, w.stand, "GET", "/calendar_events/"+w.ids["single"], "")
	ada := "Ada"
	want := v1.Event{
		UUID: w.ids["single"], CalendarUUID: w.ids["calendar"], GoogleID: "rich", Name: "Review <of> Q1", MeetingURL: "https://us02web.zoom.us/j/85900000001?pwd=abc",
		StartTime: "2026-03-02T14:00:00.000Z", EndTime: "2026-03-02T15:00:00.000Z", LastUpdatedAt: "2026-03-01T12:00:00.000Z", IsOrganizer: true,
		Attendees: []v1.Attendee{{Email: "ada@example.com", Name: &ada}, {Email: "bob@example.com"}}, Raw: []byte(`{"id":"rich","summary":"Review <of> Q1"}`),
	}
	if diff := cmp.Diff(want, rich); diff != "" {
		t.Error(diff)
	}
	series := ok[v1.Event](t, w.stand, "GET", "/calendar_events/"+w.ids["event"], "")
	if !series.IsRecurring || series.RecurringEventID == nil || *series.RecurringEventID != "weekly" || series.IsOrganizer || string(series.Raw) != "{}" {
		t.Errorf("%+v", series)
	}
	if all := named(w.list(t, w.ids["calendar"], ""), ""); len(all) != 1 || all[0].MeetingURL != "" || all[0].StartTime != "2026-03-04T00:00:00.000Z" {
		t.Errorf("the event of a whole day: %+v", all)
	}
	k := ok[v1.Calendar](t, w.stand, "GET", "/calendars/"+w.ids["calendar"], "")
	if k.ResourceID == nil || *k.ResourceID != "0197f000-0000-7000-8000-00000000cafe" || k.GoogleID != "ada@example.com" || k.Email != "ada@example.com" || k.Name != "Ada" {
		t.Errorf("%+v", k)
	}
}
