package calendar_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
	"steno/simulator/service"
	"steno/simulator/truth"
)

// slots is what a search for free time said.
type slots struct {
	Slots    []struct{ Start, End string }
	Count    int
	TimeZone string
	Errors   []struct{ CalendarID, Code, Error string }
}

func (d *desk) slots(t testing.TB, q url.Values) (out slots) {
	t.Helper()
	a := d.ok(t, "GET", "/free-slots?"+q.Encode(), "")
	if err := json.Unmarshal([]byte(a.text), &out); err != nil {
		t.Fatal(err)
	}
	if out.Count != len(out.Slots) {
		t.Fatalf("%s", a.text)
	}
	return out
}

func (s slots) starts() (out []string) {
	for _, x := range s.Slots {
		out = append(out, x.Start)
	}
	return out
}

func query(pairs ...string) url.Values {
	q := url.Values{"start": {"2026-03-02T00:00:00Z"}, "end": {"2026-03-04T00:00:00Z"}, "duration": {"60"}, "timeZone": {"Europe/Berlin"}, "workingHours": {"09:00-13:00"}, "step": {"60"}}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func TestFreeSlotsOfSeveralPeople(t *testing.T) {
	t.Parallel()
	d := newDesk(t, openQuick(t))
	g, cal := d.connect(t, calendar.Google, "ada@example.com")
	m, other := d.connect(t, calendar.Microsoft, "bob@example.com")
	colleague, err := d.graph.AddAccount("eve@example.com", "Eve", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	add := func(c *truth.Calendar, day, hour int, change func(*truth.Content)) {
		e := truth.Event{Content: truth.Content{Title: "x", Start: time.Date(2026, 3, day, hour, 0, 0, 0, time.UTC), End: time.Date(2026, 3, day, hour+1, 0, 0, 0, time.UTC)}}
		if change != nil {
			change(&e.Content)
		}
		must[string](t)(c.Add(e))
	}
	add(cal, 2, 8, nil)                                          // nine o'clock in Berlin
	add(other, 2, 9, func(c *truth.Content) { c.Unsure = true }) // tentative counts
	add(other, 2, 10, func(c *truth.Content) { c.Free = true })
	add(colleague.Primary(), 2, 11, nil)
	add(cal, 3, 0, func(c *truth.Content) {
		c.AllDay, c.Start, c.End = true, time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)
	})
	const nine, ten, eleven, twelve = "2026-03-02T09:00:00+01:00", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00", "2026-03-02T12:00:00+01:00"
	tuesday := []string{"2026-03-03T09:00:00+01:00", "2026-03-03T10:00:00+01:00", "2026-03-03T11:00:00+01:00", "2026-03-03T12:00:00+01:00"}
	for _, tt := range []struct {
		name string
		q    url.Values
		want []string
	}{
		{"all calendars", query(), []string{eleven, twelve}},
		{"one calendar", query("people", g.ID), []string{ten, eleven, twelve}},
		{"a calendar and a colleague", query("people", g.ID+", eve@example.com"), []string{ten, eleven}},
		{"by address", query("people", "Bob@example.com", "weekdays", "mon"), []string{nine, eleven, twelve}},
		{"another calendar on Tuesday", query("people", m.ID, "weekdays", "tue"), tuesday},
		{"room before", query("bufferBefore", "30"), []string{twelve}},
		{"the first", query("maxResults", "1"), []string{eleven}},
		{"hours by day", query("workingHours", "mon 12:00-13:00,tue 09:00-13:00"), []string{twelve}},
		{"none long enough", query("duration", "180"), nil},
	} {
		if got := d.slots(t, tt.q); !slices.Equal(got.starts(), tt.want) || len(got.Errors) > 0 || got.TimeZone != "Europe/Berlin" {
			t.Errorf("%s: got %+v, want %v", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		q      url.Values
		status int
		code   string
		says   string
	}{
		{query("people", "nobody@elsewhere.example"), 400, "PERSON_NOT_VISIBLE", "nobody@elsewhere.example"},
		{query("people", "0192f3a1-0000-7000-8000-0000000000ab"), 404, "CALENDAR_NOT_FOUND", "GET /v2/calendars"},
		{query("people", "@"), 400, "VALIDATION_ERROR", "people"},
		{query("people", "a b@x"), 400, "VALIDATION_ERROR", "people"},
		{query("start", ""), 400, "VALIDATION_ERROR", "start"},
		{query("end", "2026-03-02T00:00:00Z"), 400, "VALIDATION_ERROR", "end"},
		{query("end", "2026-06-02T00:00:00Z"), 400, "VALIDATION_ERROR", "60 days"},
		{query("duration", "0"), 400, "VALIDATION_ERROR", "duration"},
		{query("duration", "9223372036854775807"), 400, "VALIDATION_ERROR", "duration"},
		{query("step", "-1"), 400, "VALIDATION_ERROR", "step"},
		{query("bufferAfter", "241"), 400, "VALIDATION_ERROR", "bufferAfter"},
		{query("maxResults", "251"), 400, "VALIDATION_ERROR", "maxResults"},
		{query("timeZone", "Mars/Base"), 400, "VALIDATION_ERROR", "timeZone"},
		{query("timeZone", "../etc/passwd"), 400, "VALIDATION_ERROR", "timeZone"},
		{query("workingHours", "nine to five"), 400, "VALIDATION_ERROR", "workingHours"},
		{query("weekdays", "holiday"), 400, "VALIDATION_ERROR", "weekdays"},
	} {
		if a := d.call(t, "GET", "/free-slots?"+tt.q.Encode(), ""); a.status != tt.status || a.Code != tt.code || !strings.Contains(a.Error, tt.says) {
			t.Errorf("%s: %d %s", tt.q.Encode(), a.status, a.text)
		}
	}
	if got := d.slots(t, query("people", g.ID+",nobody@elsewhere.example", "partial", "true")); len(got.Slots) != 3 || len(got.Errors) != 1 || got.Errors[0].Code != "PERSON_NOT_VISIBLE" {
		t.Errorf("partial: %+v", got)
	}
	d.google.SetFaults(service.Faults{service.ServerError: 1})
	if a := d.call(t, "GET", "/free-slots?"+query().Encode(), ""); a.status != http.StatusBadGateway || !strings.Contains(a.Error, "google") {
		t.Errorf("a service that is down: %d %s", a.status, a.text)
	}
	if got := d.slots(t, query("partial", "true")); !slices.Equal(got.starts()[:3], []string{nine, eleven, twelve}) || len(got.Errors) != 1 || got.Errors[0].CalendarID != g.ID {
		t.Errorf("a part: %+v", got)
	}
}

// minutes is a stretch of time, minute by minute.
type minutes struct {
	from  time.Time
	taken []bool
}

func newMinutes(from, to time.Time) *minutes {
	return &minutes{from, make([]bool, int(to.Sub(from)/time.Minute))}
}

func (m *minutes) take(start, end time.Time) {
	for i := max(0, int(start.Sub(m.from)/time.Minute)); i < len(m.taken) && m.from.Add(time.Duration(i)*time.Minute).Before(end); i++ {
		m.taken[i] = true
	}
}

// difference names the first minute about which two disagree.
func (m *minutes) difference(o *minutes) string {
	for i := range m.taken {
		if m.taken[i] != o.taken[i] {
			return fmt.Sprintf("at %s: %v, not %v", m.from.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), m.taken[i], o.taken[i])
		}
	}
	return ""
}

// person is somebody with a calendar at a service.
type person struct {
	calendar.Connection
	cal *truth.Calendar
	// personal: there is no getSchedule, so that the events tell. They have one
	// field for what is free and what is tentative, and nobody declines there what
	// he organises himself.
	personal bool
}

// busy is what really takes a person's time: all-day events from midnight, where
// the calendar is (Google) or where they are themselves (Microsoft).
func (p person) busy(m *minutes) {
	to := m.from.Add(time.Duration(len(m.taken)) * time.Minute)
	for _, o := range p.cal.Occurrences(m.from, to) {
		free, declined := o.Content.Free, o.Response == truth.Declined
		if p.personal {
			free, declined = free && !o.Content.Unsure, declined && o.Content.Organizer.Email != p.Email
		}
		if free || declined || o.Content.CalledOff {
			continue
		}
		zone := o.Content.Zone
		if p.Platform == calendar.Google {
			zone = p.cal.Zone
		}
		m.take(truth.Begins(o.Start, o.AllDay, zone), truth.Begins(o.End, o.AllDay, zone))
	}
}

// Whatever stands in the calendars: when people are busy, and when they are free
// together, is what counting minutes says.
func TestAvailabilityAndFreeSlotsAreWhatCountingMinutesSays(t *testing.T) {
	t.Parallel()
	runs, seed := 150, uint64(1)
	if os.Getenv("STENO_STORM") != "" {
		runs, seed = 2000, uint64(time.Now().UnixNano())
	}
	d := newDesk(t, openQuick(t))
	var people []person
	for i, p := range []calendar.Platform{calendar.Google, calendar.Microsoft, calendar.Google, calendar.Microsoft} {
		c, cal := d.connect(t, p, fmt.Sprintf("p%d@example.com", i))
		people = append(people, person{Connection: c, cal: cal, personal: i == 3})
	}
	d.graph.User(people[3].Email).Personal = true
	found, taken := 0, 0
	for run := range runs {
		rng := rand.New(rand.NewPCG(seed, uint64(run)))
		from := monday.AddDate(0, 0, rng.IntN(40)).Add(time.Duration(rng.IntN(24*60)) * time.Minute) // the clocks are set on 8 and 29 March
		to := from.Add(time.Duration(1+rng.IntN(4*24*60)) * time.Minute)
		for _, p := range people {
			p.live(rng, from.Add(-6*time.Hour), to.Add(6*time.Hour))
		}
		got, want := map[calendar.Platform]*minutes{}, map[calendar.Platform]*minutes{}
		for _, p := range people {
			if got[p.Platform] == nil {
				got[p.Platform], want[p.Platform] = newMinutes(from, to), newMinutes(from, to)
			}
			p.busy(want[p.Platform])
		}
		bounds := url.Values{"start": {from.Format(time.RFC3339)}, "end": {to.Format(time.RFC3339)}}
		for _, b := range d.ok(t, "GET", "/availability?"+bounds.Encode(), "").Busy {
			got[calendar.Platform(b.Provider)].take(must[time.Time](t)(time.Parse(time.RFC3339, b.Start)), must[time.Time](t)(time.Parse(time.RFC3339, b.End)))
		}
		for p := range want {
			if diff := got[p].difference(want[p]); diff != "" {
				t.Fatalf("seed %d, run %d: availability of %s %s", seed, run, p, diff)
			}
			for _, x := range want[p].taken {
				if x {
					taken++
				}
			}
		}
		found += d.compareSlots(t, rng, people, from, to, fmt.Sprintf("seed %d, run %d", seed, run))
	}
	if found < runs || taken < runs*60 {
		t.Errorf("%d slots and %d busy minutes in %d runs: the test tests nothing", found, taken, runs)
	}
	t.Logf("%d runs: %d slots, %d busy minutes", runs, found, taken)
}

// live has a person lead a life: not too many events, some of which take no time.
func (p person) live(rng *rand.Rand, from, to time.Time) {
	ids := p.cal.IDs()
	for _, id := range ids[:max(0, len(ids)-5)] {
		_ = p.cal.Delete(id) // it may be gone already
	}
	for range 1 + rng.IntN(4) {
		p.cal.Shake(rng, from, to)
	}
	if ids = p.cal.IDs(); len(ids) > 0 {
		kind := rng.IntN(3)
		_ = p.cal.Edit(ids[rng.IntN(len(ids))], func(c *truth.Content) { c.Free, c.Unsure = kind == 1, kind == 2 }) // it may be gone
	}
}

func (d *desk) compareSlots(t *testing.T, rng *rand.Rand, people []person, from, to time.Time, name string) int {
	t.Helper()
	zone := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"}[rng.IntN(4)]
	loc := must[*time.Location](t)(time.LoadLocation(zone))
	length, step, before, after := 15+rng.IntN(90), 5+rng.IntN(60), rng.IntN(3)*15, rng.IntN(3)*15
	opens, closes := rng.IntN(12)*60, 12*60+rng.IntN(13)*60
	days := []string{"mon-fri", "sun-sat", "tue,thu,sat", "sat-mon"}[rng.IntN(4)]
	var who []string
	all := newMinutes(from.Add(-time.Hour), to.Add(time.Hour))
	for _, p := range people {
		switch rng.IntN(3) {
		case 0:
			continue
		case 1:
			who = append(who, p.ID)
		case 2:
			if p.personal { // colleagues are asked with getSchedule
				continue
			}
			who = append(who, p.Email)
		}
		p.busy(all)
	}
	if len(who) == 0 { // that means all
		for _, p := range people {
			p.busy(all)
		}
	}
	q := url.Values{
		"start": {from.Format(time.RFC3339)}, "end": {to.Format(time.RFC3339)}, "duration": {fmt.Sprint(length)}, "step": {fmt.Sprint(step)}, "timeZone": {zone},
		"bufferBefore": {fmt.Sprint(before)}, "bufferAfter": {fmt.Sprint(after)}, "people": {strings.Join(who, ",")}, "weekdays": {days}, "maxResults": {"100"},
		"workingHours": {fmt.Sprintf("%02d:00-%02d:00", opens/60, closes/60)},
	}
	open := map[string]string{"mon-fri": "Mon Tue Wed Thu Fri", "sun-sat": "Sun Mon Tue Wed Thu Fri Sat", "tue,thu,sat": "Tue Thu Sat", "sat-mon": "Sat Sun Mon"}[days]
	works := func(at time.Time) (clock int, yes bool) {
		l := at.In(loc)
		clock = l.Hour()*60 + l.Minute()
		return clock, clock >= opens && clock < closes && strings.Contains(open, l.Weekday().String()[:3])
	}
	var want []string
	for at := from; !at.Add(time.Duration(length)*time.Minute).After(to) && len(want) < 100; at = at.Add(time.Minute) {
		clock, fits := works(at)
		fits = fits && (clock-opens)%step == 0
		for i := 0; fits && i < length; i++ {
			_, fits = works(at.Add(time.Duration(i) * time.Minute))
		}
		if i := int(at.Sub(all.from) / time.Minute); fits && !slices.Contains(all.taken[i-before:i+length+after], true) {
			want = append(want, at.In(loc).Format(time.RFC3339))
		}
	}
	if got := d.slots(t, q).starts(); !slices.Equal(got, want) {
		t.Fatalf("%s: %v\ngot  %v\nwant %v", name, q, got, want)
	}
	return len(want)
}
