package calendar_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/internal/store"
	"steno/simulator/truth"
)

// weekly makes a series through the API and returns its occurrences as listed.
func (d *desk) weekly(t testing.TB, p calendar.Platform, c calendar.Connection, more map[string]any) []shown {
	t.Helper()
	fields := map[string]any{
		"provider": p, "calendarId": c.ID, "title": "Weekly", "startTime": "2026-03-09T10:00:00+01:00", "endTime": "2026-03-09T10:30:00+01:00", "timeZone": "Europe/Berlin",
		"recurrence": []string{"RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4"}, "location": "https://us02web.zoom.us/j/85912345678?pwd=abc",
	}
	for k, v := range more {
		fields[k] = v
	}
	d.ok(t, "POST", "/events", body(t, fields))
	return d.titled(t, fields["title"].(string))
}

// instants are the starts of events in UTC.
func instants(t testing.TB, list []shown) (out []string) {
	t.Helper()
	for _, e := range list {
		at, err := time.Parse(time.RFC3339, e.StartTime)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, at.UTC().Format("0102T1504"))
	}
	return out
}

// atService are the starts of what stands at the service under a title.
func atService(cal *truth.Calendar, title string) (out []string) {
	for _, o := range cal.Occurrences(monday, monday.AddDate(0, 3, 0)) {
		if o.Content.Title == title {
			out = append(out, o.Start.UTC().Format("0102T1504"))
		}
	}
	return out
}

// same asserts that list, service and expectation agree, and that the next sync
// changes nothing.
func (d *desk) same(t testing.TB, c calendar.Connection, cal *truth.Calendar, title string, want ...string) {
	t.Helper()
	for _, when := range []string{"at once", "after the next sync"} {
		if got := instants(t, d.titled(t, title)); !slices.Equal(got, want) {
			t.Errorf("%s the list shows %v, want %v", when, got, want)
		}
		d.poll(t, c.ID)
	}
	if got := atService(cal, title); !slices.Equal(got, want) {
		t.Errorf("the service has %v, want %v", got, want)
	}
}

// A series keeps its hour over the change of clocks, and each scope changes what
// it says: 29 March is when Berlin's clocks change.
func TestEachScopeOfASeriesChangesWhatItSays(t *testing.T) {
	for _, x := range []struct {
		name  string
		act   func(t *testing.T, d *desk, p calendar.Platform, list []shown)
		title string
		want  []string
		rest  map[string][]string
	}{
		{name: "made", act: func(*testing.T, *desk, calendar.Platform, []shown) {}, title: "Weekly",
			want: []string{"0309T0900", "0316T0900", "0323T0900", "0330T0800"}},
		{name: "this is moved", title: "Weekly", want: []string{"0309T0900", "0317T1300", "0323T0900", "0330T0800"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				e := d.ok(t, "PATCH", path(list[1].ID), body(t, map[string]any{"provider": p, "startTime": "2026-03-17T13:00:00Z", "endTime": "2026-03-17T13:30:00Z"})).Event
				if e.StartTime == "" || e.SeriesID == "" {
					t.Errorf("%+v", e)
				}
			}},
		{name: "all are moved by an hour, named by the last", title: "Weekly", want: []string{"0309T1000", "0316T1000", "0323T1000", "0330T0900"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "PATCH", path(list[3].ID)+"?scope=all", body(t, map[string]any{"provider": p, "startTime": "2026-03-30T11:00:00+02:00", "endTime": "2026-03-30T11:30:00+02:00"}))
			}},
		{name: "all get another title, named by the series", title: "Other", want: []string{"0309T0900", "0316T0900", "0323T0900", "0330T0800"}, rest: map[string][]string{"Weekly": nil},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "PATCH", path(list[0].SeriesID), body(t, map[string]any{"provider": p, "title": "Other"}))
			}},
		{name: "the third and those that follow are moved", title: "Weekly", want: []string{"0309T0900", "0316T0900", "0323T1030", "0330T0930"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "PATCH", path(list[2].ID), body(t, map[string]any{"provider": p, "scope": "following", "startTime": "2026-03-23T11:30:00+01:00", "endTime": "2026-03-23T12:00:00+01:00"}))
			}},
		{name: "the third and those that follow get another title", title: "Weekly", want: []string{"0309T0900", "0316T0900"}, rest: map[string][]string{"Rest": {"0323T0900", "0330T0800"}},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "PATCH", path(list[2].ID)+"?scope=following", body(t, map[string]any{"provider": p, "title": "Rest"}))
			}},
		{name: "following from the first is all", title: "Other", want: []string{"0309T0900", "0316T0900", "0323T0900", "0330T0800"}, rest: map[string][]string{"Weekly": nil},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "PATCH", path(list[0].ID)+"?scope=following", body(t, map[string]any{"provider": p, "title": "Other"}))
			}},
		{name: "all are moved to another day with a new rule", title: "Weekly", want: []string{"0310T0900", "0317T0900", "0324T0900"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				patch := map[string]any{"provider": p, "scope": "all", "startTime": "2026-03-10T10:00:00+01:00", "endTime": "2026-03-10T10:30:00+01:00"}
				if a := d.call(t, "PATCH", path(list[0].ID), body(t, patch)); a.status != http.StatusBadRequest || a.Code != "RECURRENCE_NOT_SUPPORTED" {
					t.Errorf("%d %s", a.status, a.text)
				}
				patch["recurrence"] = []string{"RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=3"}
				d.ok(t, "PATCH", path(list[0].ID), body(t, patch))
			}},
		{name: "this is deleted", title: "Weekly", want: []string{"0309T0900", "0323T0900", "0330T0800"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "DELETE", path(list[1].ID)+"?provider="+string(p), "")
			}},
		{name: "the second and those that follow are deleted", title: "Weekly", want: []string{"0309T0900"},
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "DELETE", path(list[1].ID)+"?scope=following&provider="+string(p), "")
			}},
		{name: "all are deleted, named by the third", title: "Weekly", want: nil,
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "DELETE", path(list[2].ID)+"?scope=all&provider="+string(p), "")
			}},
		{name: "all are deleted, named by the series", title: "Weekly", want: nil,
			act: func(t *testing.T, d *desk, p calendar.Platform, list []shown) {
				d.ok(t, "DELETE", path(list[2].SeriesID)+"?provider="+string(p), "")
			}},
	} {
		for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
			t.Run(x.name+" at "+string(p), func(t *testing.T) {
				d := newDesk(t, openQuick(t))
				c, cal := d.connect(t, p, "ada@example.com")
				d.sync(t, c.ID)
				list := d.weekly(t, p, c, nil)
				if len(list) != 4 {
					t.Fatalf("%+v", list)
				}
				x.act(t, d, p, list)
				d.same(t, c, cal, x.title, x.want...)
				for title, want := range x.rest {
					d.same(t, c, cal, title, want...)
				}
			})
		}
	}
}

// A rule for a whole series goes on in the part that a write has cut off.
func TestBotsOfASeriesThatIsCutGoOn(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, _ := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		list := d.weekly(t, p, c, nil)
		row := d.stored(t, c.ID, "Weekly")
		if _, err := d.rooms.ScheduleBots(t.Context(), d.team, c.ID, calendar.Target{SeriesID: row.SeriesID, All: true}, settings); err != nil {
			t.Fatal(err)
		}
		d.ok(t, "PATCH", path(list[2].ID), body(t, map[string]any{"provider": p, "scope": "following", "startTime": "2026-03-23T11:30:00+01:00", "endTime": "2026-03-23T12:00:00+01:00"}))
		n := 0
		for _, e := range d.events(t, c.ID, false) {
			if e.Title == "Weekly" && e.BotScheduled {
				n++
			}
		}
		if n != 4 {
			t.Errorf("%d occurrences have a bot, want 4", n)
		}
	})
}

// What Microsoft cannot express is refused and not approximated; what it can,
// becomes what Google makes of it.
func TestRulesMeanTheSameAtBothServices(t *testing.T) {
	for _, x := range []struct {
		rule   string
		start  string // 10:00 in Berlin
		refuse bool   // by Microsoft
		bad    bool   // by everybody
	}{
		{rule: "FREQ=DAILY;COUNT=5", start: "2026-03-09"},
		{rule: "FREQ=DAILY;INTERVAL=3;UNTIL=20260320T090000Z", start: "2026-03-09"},
		{rule: "FREQ=DAILY;INTERVAL=3;UNTIL=20260318T085959Z", start: "2026-03-09"},
		{rule: "FREQ=WEEKLY;BYDAY=MO,WE,FR;UNTIL=20260331T215959Z", start: "2026-03-09"},
		{rule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU;COUNT=6", start: "2026-03-09"},
		{rule: "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO;COUNT=6", start: "2026-03-09"},
		{rule: "FREQ=WEEKLY", start: "2026-03-10"},
		{rule: "FREQ=MONTHLY;BYMONTHDAY=12", start: "2026-03-12"},
		{rule: "FREQ=MONTHLY;BYDAY=2TU;COUNT=3", start: "2026-03-10"},
		{rule: "FREQ=MONTHLY;BYDAY=-1FR", start: "2026-03-27"},
		{rule: "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=31", start: "2026-03-31"},
		{rule: "FREQ=MONTHLY;BYMONTHDAY=31", start: "2026-03-31", refuse: true},
		{rule: "FREQ=MONTHLY;BYMONTHDAY=1,15", start: "2026-03-15", refuse: true},
		{rule: "FREQ=MONTHLY;BYDAY=5MO", start: "2026-03-30", refuse: true},
		{rule: "FREQ=YEARLY;BYMONTH=3,9", start: "2026-03-10", refuse: true},
		{rule: "FREQ=HOURLY", start: "2026-03-10", bad: true},
		{rule: "FREQ=DAILY;COUNT=2;UNTIL=20260320", start: "2026-03-10", bad: true},
		{rule: "FREQ=DAILY;INTERVAL=0", start: "2026-03-10", bad: true},
		{rule: "FREQ=WEEKLY;BYDAY=2MO", start: "2026-03-10", bad: true},
		{rule: "BYDAY=MO", start: "2026-03-10", bad: true},
	} {
		t.Run(x.rule, func(t *testing.T) {
			d := newDesk(t, openQuick(t))
			var starts [][]string
			for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
				c, cal := d.connect(t, p, "ada@"+string(p)+".example")
				d.sync(t, c.ID)
				a := d.call(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "R", "startTime": x.start + "T10:00:00", "endTime": x.start + "T11:00:00",
					"timeZone": "Europe/Berlin", "recurrence": []string{"RRULE:" + x.rule}}))
				switch {
				case x.bad || (x.refuse && p == calendar.Microsoft):
					if a.status != http.StatusBadRequest || !strings.HasPrefix(a.Error, "recurrence: ") || len(cal.IDs()) != 0 {
						t.Errorf("%s: %d %s", p, a.status, a.text)
					}
					if x.refuse && a.Code != "RECURRENCE_NOT_SUPPORTED" {
						t.Errorf("%s", a.text)
					}
				case a.status == http.StatusOK:
					starts = append(starts, atService(cal, "R"))
				case p == calendar.Google && x.refuse: // neither does the simulator know it
				default:
					t.Errorf("%s: %d %s", p, a.status, a.text)
				}
			}
			if len(starts) == 2 && (!slices.Equal(starts[0], starts[1]) || len(starts[0]) == 0) {
				t.Errorf("Google %v\nMicrosoft %v", starts[0], starts[1])
			}
		})
	}
}

// Times are those of the event's own clock, on both sides of a change of clocks
// and where there is none.
func TestTimesOverTheChangeOfClocks(t *testing.T) {
	for _, x := range []struct{ zone, start, utc string }{
		{"America/New_York", "2026-03-07T09:00:00", "2026-03-07T14:00:00Z"},
		{"America/New_York", "2026-03-08T09:00:00", "2026-03-08T13:00:00Z"},
		{"Europe/Berlin", "2026-03-28T09:00:00", "2026-03-28T08:00:00Z"},
		{"Europe/Berlin", "2026-03-29T09:00:00", "2026-03-29T07:00:00Z"},
		{"Asia/Tokyo", "2026-03-29T09:00:00", "2026-03-29T00:00:00Z"},
	} {
		for _, p := range []calendar.Platform{calendar.Google, calendar.Microsoft} {
			t.Run(x.zone+" "+x.start+" "+string(p), func(t *testing.T) {
				d := newDesk(t, openQuick(t))
				c, cal := d.connect(t, p, "ada@example.com")
				d.sync(t, c.ID)
				e := d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "T", "timeZone": x.zone, "startTime": x.start, "endTime": strings.Replace(x.start, "09:00", "10:00", 1)})).Event
				at, err := time.Parse(time.RFC3339, e.StartTime)
				if err != nil || at.UTC().Format(time.RFC3339) != x.utc {
					t.Errorf("%+v", e)
				}
				if p == calendar.Microsoft && e.StartTime != x.utc {
					t.Errorf("Microsoft's times are in UTC: %s", e.StartTime)
				}
				if got := cal.Occurrences(at, at.Add(time.Minute)); len(got) != 1 || got[0].Start.Format(time.RFC3339) != x.utc {
					t.Errorf("%+v", got)
				}
				// Renaming it leaves its time alone; moving one end moves nothing else.
				d.ok(t, "PATCH", path(e.ID), body(t, map[string]any{"provider": p, "title": "U"}))
				moved := d.ok(t, "PATCH", path(e.ID), body(t, map[string]any{"provider": p, "endTime": at.Add(2 * time.Hour)})).Event
				if moved.StartTime != e.StartTime || moved.Title != "U" {
					t.Errorf("%+v", moved)
				}
				if a := d.call(t, "PATCH", path(e.ID), body(t, map[string]any{"provider": p, "startTime": at.Add(3 * time.Hour)})); a.status != http.StatusBadRequest {
					t.Errorf("%d %s", a.status, a.text)
				}
			})
		}
	}
}

// An all-day event is a date, wherever its calendar is.
func TestAllDayEventsAreDates(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, cal := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		e := d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "Off", "startTime": "2026-03-21", "endTime": "2026-03-23"})).Event
		if !e.AllDay || e.StartTime != "2026-03-21" || e.EndTime != "2026-03-23" {
			t.Errorf("%+v", e)
		}
		list := d.titled(t, "Off")
		if len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(e) {
			t.Errorf("%+v", list)
		}
		if got := cal.Occurrences(monday, monday.AddDate(0, 1, 0)); len(got) != 1 || !got[0].AllDay || got[0].Start.Format(time.DateOnly) != "2026-03-21" || got[0].End.Format(time.DateOnly) != "2026-03-23" {
			t.Errorf("%+v", got)
		}
		moved := d.ok(t, "PATCH", path(e.ID), body(t, map[string]any{"provider": p, "startTime": "2026-03-22T10:00:00Z", "endTime": "2026-03-22T11:00:00Z"})).Event
		if moved.AllDay || !strings.HasPrefix(moved.StartTime, "2026-03-22T1") {
			t.Errorf("%+v", moved)
		}
		d.poll(t, c.ID)
		if list := d.titled(t, "Off"); len(list) != 1 || list[0].StartTime != moved.StartTime {
			t.Errorf("%+v", list)
		}
	})
}

// conferencing: auto makes a link of the service itself.
func TestAConferenceIsMadeOnDemand(t *testing.T) {
	eachPair(t, func(t *testing.T, db *store.DB, p calendar.Platform) {
		d := newDesk(t, db)
		c, _ := d.connect(t, p, "ada@example.com")
		d.sync(t, c.ID)
		e := d.ok(t, "POST", "/events", body(t, map[string]any{"provider": p, "title": "Call", "conferencing": "auto", "startTime": "2026-03-21T10:00:00Z", "endTime": "2026-03-21T11:00:00Z"})).Event
		want := map[calendar.Platform]string{calendar.Google: "https://meet.google.com/", calendar.Microsoft: "https://teams.microsoft.com/l/meetup-join/"}[p]
		if !strings.HasPrefix(e.MeetingURL, want) {
			t.Errorf("%+v", e)
		}
		if list := d.titled(t, "Call"); len(list) != 1 || list[0].MeetingURL != e.MeetingURL {
			t.Errorf("%+v", list)
		}
	})
}
