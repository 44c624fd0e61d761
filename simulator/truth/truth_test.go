package truth

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var start = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) // a Monday

type desk struct {
	*Calendar
	changes []Change
}

func newDesk(t testing.TB, zone string) *desk {
	t.Helper()
	d := &desk{}
	n := 0
	b := &Book{Now: func() time.Time { return start }, NewID: func() string { n++; return fmt.Sprint("id", n) },
		OnChange: func(_ *Calendar, c Change) { d.changes = append(d.changes, c) }}
	a, err := b.AddAccount(Person{Email: "ada@example.com"}, zone, "primary")
	must(t, err)
	d.Calendar = a.Primary()
	return d
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *desk) series(t testing.TB, at time.Time, zone string, r Rule) string {
	t.Helper()
	id, err := d.Add(Event{Content: Content{Title: "s", Start: at, End: at.Add(time.Hour), Zone: zone}, Rule: &r})
	must(t, err)
	return id
}

func (d *desk) starts(from, to time.Time) []string {
	var list []string
	for _, o := range d.Occurrences(from, to) {
		f := "2006-01-02T15:04"
		if o.AllDay {
			f = time.DateOnly
		}
		list = append(list, o.Start.Format(f))
	}
	return list
}

func at(s string) time.Time {
	for _, f := range []string{"2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(f, s); err == nil {
			return t
		}
	}
	panic(s)
}

func TestSeriesKeepTheirWallClock(t *testing.T) {
	for _, c := range []struct {
		name, zone, start string
		rule              Rule
		from, to          string
		want              []string
	}{
		{"across the change in Berlin", "Europe/Berlin", "2026-03-23T08:00", Rule{Freq: Weekly}, "2026-03-23", "2026-04-07",
			[]string{"2026-03-23T08:00", "2026-03-30T07:00", "2026-04-06T07:00"}},
		{"an hour that is left out is read with the offset before, and the next day is itself", "America/New_York", "2026-03-07T07:30", Rule{Freq: Daily},
			"2026-03-07", "2026-03-10", []string{"2026-03-07T07:30", "2026-03-08T07:30", "2026-03-09T06:30"}},
		{"an hour that comes twice is the first", "America/New_York", "2026-10-31T05:30", Rule{Freq: Daily}, "2026-10-31", "2026-11-03",
			[]string{"2026-10-31T05:30", "2026-11-01T05:30", "2026-11-02T06:30"}},
		{"the last one when the end is given in UTC", "Europe/Berlin", "2026-01-13T13:00", Rule{Freq: Weekly, Interval: 2, Days: []time.Weekday{time.Tuesday}, Until: at("2026-06-30T12:00")},
			"2026-06-10", "2026-07-30", []string{"2026-06-16T12:00", "2026-06-30T12:00"}},
		{"several days a week", "UTC", "2026-03-02T08:00", Rule{Freq: Weekly, Days: []time.Weekday{time.Monday, time.Friday}, WeekStart: time.Monday},
			"2026-03-02", "2026-03-14", []string{"2026-03-02T08:00", "2026-03-06T08:00", "2026-03-09T08:00", "2026-03-13T08:00"}},
		{"every other week from a Sunday", "UTC", "2026-03-01T08:00", Rule{Freq: Weekly, Interval: 2, Days: []time.Weekday{time.Sunday, time.Tuesday}, WeekStart: time.Monday},
			"2026-03-01", "2026-03-20", []string{"2026-03-01T08:00", "2026-03-10T08:00", "2026-03-15T08:00"}},
		{"a number of times", "UTC", "2026-03-02T08:00", Rule{Freq: Daily, Interval: 3, Count: 3}, "2026-03-04", "2026-05-01", []string{"2026-03-05T08:00", "2026-03-08T08:00"}},
		{"on the 31st, where there is one", "UTC", "2026-01-31T08:00", Rule{Freq: Monthly}, "2026-01-01", "2026-06-01",
			[]string{"2026-01-31T08:00", "2026-03-31T08:00", "2026-05-31T08:00"}},
		{"the second Tuesday", "UTC", "2026-01-13T08:00", Rule{Freq: Monthly, Days: []time.Weekday{time.Tuesday}, Nth: 2}, "2026-01-01", "2026-04-01",
			[]string{"2026-01-13T08:00", "2026-02-10T08:00", "2026-03-10T08:00"}},
		{"the last Friday", "UTC", "2026-01-30T08:00", Rule{Freq: Monthly, Days: []time.Weekday{time.Friday}, Nth: -1}, "2026-01-01", "2026-04-01",
			[]string{"2026-01-30T08:00", "2026-02-27T08:00", "2026-03-27T08:00"}},
		{"each leap day", "UTC", "2024-02-29T08:00", Rule{Freq: Yearly}, "2024-01-01", "2033-01-01", []string{"2024-02-29T08:00", "2028-02-29T08:00", "2032-02-29T08:00"}},
		{"from ten years back", "UTC", "2016-03-07T08:00", Rule{Freq: Weekly}, "2026-03-01", "2026-03-15", []string{"2026-03-02T08:00", "2026-03-09T08:00"}},
		{"seen from elsewhere", "Africa/Ceuta", "2026-03-23T08:00", Rule{Freq: Weekly}, "2026-03-23", "2026-04-01", []string{"2026-03-23T08:00", "2026-03-30T07:00"}},
	} {
		d := newDesk(t, "America/Santiago")
		d.series(t, at(c.start), c.zone, c.rule)
		if got := d.starts(at(c.from), at(c.to)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, got, c.want)
		}
	}
}

func TestAllDaySeriesAreDates(t *testing.T) {
	d := newDesk(t, "America/New_York")
	_, err := d.Add(Event{Content: Content{Title: "d", Start: at("2026-03-07"), End: at("2026-03-08"), AllDay: true}, Rule: &Rule{Freq: Daily}})
	must(t, err)
	// The window is cut at instants: the 10th begins at 04:00 UTC.
	if got, want := d.starts(at("2026-03-07T12:00"), at("2026-03-10T04:00")), []string{"2026-03-07", "2026-03-08", "2026-03-09"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := d.starts(at("2026-03-07T05:00"), at("2026-03-10T04:01")); len(got) != 4 {
		t.Errorf("a minute later the 10th must be there: %v", got)
	}
}

func slot(week int) string { return SlotOf(start.AddDate(0, 0, 7*week), false) }

func TestExceptionsAreFoundWhereTheyReallyAre(t *testing.T) {
	d := newDesk(t, "UTC")
	id := d.series(t, start, "UTC", Rule{Freq: Weekly})
	shift := func(days int) func(*Content) {
		return func(x *Content) { x.Start, x.End = x.Start.AddDate(0, 0, days), x.End.AddDate(0, 0, days) }
	}
	must(t, d.EditSlot(id, slot(1), shift(30))) // out of the window
	must(t, d.EditSlot(id, slot(6), shift(-34)))
	must(t, d.CancelSlot(id, slot(2)))
	if got, want := d.starts(start, start.AddDate(0, 0, 20)), []string{"2026-03-02T08:00", "2026-03-10T08:00"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := d.CancelSlot(id, slot(2)); !errors.Is(err, ErrNoSlot) {
		t.Errorf("cancelled twice: %v", err)
	}
	must(t, d.EditSlot(id, slot(2), func(*Content) {}))
	if got := d.starts(start, start.AddDate(0, 0, 20)); len(got) != 3 {
		t.Errorf("a slot that came back is not there: %v", got)
	}
}

func TestASeriesPassesOnWhatIsNotItsExceptionsOwn(t *testing.T) {
	d := newDesk(t, "UTC")
	id := d.series(t, start, "UTC", Rule{Freq: Weekly})
	must(t, d.EditSlot(id, slot(1), func(x *Content) { x.Title = "mine" }))
	must(t, d.EditSlot(id, slot(2), func(x *Content) { x.Start = x.Start.Add(time.Hour); x.End = x.End.Add(time.Hour) }))
	must(t, d.CancelSlot(id, slot(3)))
	must(t, d.Edit(id, func(x *Content) { x.Title, x.Location = "new", "https://zoom.us/j/123456789" }))
	var got []string
	for _, o := range d.Occurrences(start, start.AddDate(0, 0, 28)) {
		got = append(got, o.Content.Title+" "+o.Start.Format("01-02T15")+" "+o.Content.Location[:5])
	}
	if want := []string{"new 03-02T08 https", "mine 03-09T08 https", "new 03-16T09 https"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// Another time: the slots are others, exceptions are lost.
	must(t, d.Edit(id, func(x *Content) { x.Start, x.End = x.Start.Add(30*time.Minute), x.End.Add(30*time.Minute) }))
	if got := d.starts(start, start.AddDate(0, 0, 28)); len(got) != 4 || got[3] != "2026-03-23T08:30" {
		t.Errorf("after the series moved: %v", got)
	}
}

func TestThisAndFollowingMakesTwoSeries(t *testing.T) {
	d := newDesk(t, "Europe/Berlin")
	id := d.series(t, start, "Europe/Berlin", Rule{Freq: Weekly, Count: 6})
	must(t, d.CancelSlot(id, slot(3)))
	next, err := d.Split(id, slot(2), func(x *Content) { x.Title = "later" })
	must(t, err)
	count := map[string]int{}
	for _, o := range d.Occurrences(start, start.AddDate(1, 0, 0)) {
		count[o.ItemID]++
	}
	if count[id] != 2 || count[next] != 4 {
		t.Errorf("%d before and %d after, want 2 and 4", count[id], count[next])
	}
	if _, err := d.Split(id, slot(0), func(*Content) {}); !errors.Is(err, ErrNoSlot) {
		t.Errorf("cut at the first: %v", err)
	}
}

func TestRezoneKeepsTheWallClock(t *testing.T) {
	d := newDesk(t, "Europe/Berlin")
	id := d.series(t, start, "Europe/Berlin", Rule{Freq: Weekly})
	must(t, d.Rezone(id, "America/New_York"))
	if got := d.starts(start, start.AddDate(0, 0, 7))[0]; got != "2026-03-02T14:00" {
		t.Errorf("nine in Berlin became %s, want nine in New York", got)
	}
}

// The first half of a cut does not grow into the second one.
func TestACutSeriesEndsWithTheSameSlotWhereverItMoves(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Tokyo", "America/New_York"} {
		for _, by := range []time.Duration{-10 * time.Hour, -time.Hour, 3 * time.Hour, 10 * time.Hour} {
			d := newDesk(t, "UTC")
			id := d.series(t, start, zone, Rule{Freq: Daily})
			if _, err := d.Split(id, d.Slots(id, start, start.AddDate(0, 0, 30))[20].Slot, func(*Content) {}); err != nil {
				t.Fatal(err)
			}
			must(t, d.Edit(id, shift(by)))
			must(t, d.Rezone(id, "Europe/London"))
			if n := len(d.Slots(id, start.AddDate(0, 0, -5), start.AddDate(0, 0, 40))); n != 20 {
				t.Errorf("%s moved by %v has %d slots, want 20", zone, by, n)
			}
		}
	}
}

func TestEveryEditIsToldOnce(t *testing.T) {
	d := newDesk(t, "UTC")
	id := d.series(t, start, "UTC", Rule{Freq: Weekly})
	must(t, d.CancelSlot(id, slot(1)))
	must(t, d.Respond(id, Declined))
	must(t, d.Delete(id))
	if len(d.changes) != 4 || !d.changes[0].New || d.changes[1].New {
		t.Errorf("changes: %+v", d.changes)
	}
	if err := d.Delete(id); !errors.Is(err, ErrNoItem) {
		t.Errorf("deleted twice: %v", err)
	}
}

// A narrow window must show what a wide one shows there: this is where jumping
// ahead in a rule could go wrong.
func TestNarrowWindowsAgreeWithWideOnes(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "America/Santiago"}
	rapid.Check(t, func(r *rapid.T) {
		d := newDesk(t, "Asia/Tokyo")
		rule := Rule{Freq: rapid.SampledFrom([]Freq{Daily, Weekly, Monthly, Yearly}).Draw(r, "freq"), Interval: rapid.IntRange(0, 5).Draw(r, "interval"),
			Count: rapid.SampledFrom([]int{0, 0, 7, 40}).Draw(r, "count"), WeekStart: time.Weekday(rapid.IntRange(0, 6).Draw(r, "week start"))}
		begin := start.AddDate(0, 0, rapid.IntRange(-2000, 100).Draw(r, "begin")).Add(time.Duration(rapid.IntRange(0, 95).Draw(r, "quarter")) * 15 * time.Minute)
		d.series(t, begin, rapid.SampledFrom(zones).Draw(r, "zone"), rule)
		wide := d.starts(start.AddDate(-6, 0, 0), start.AddDate(2, 0, 0))
		from := start.AddDate(0, 0, rapid.IntRange(-1500, 300).Draw(r, "from"))
		to := from.AddDate(0, 0, rapid.IntRange(1, 40).Draw(r, "days"))
		var want []string
		for _, s := range wide {
			if b := at(s); b.Add(time.Hour).After(from) && b.Before(to) {
				want = append(want, s)
			}
		}
		if got := d.starts(from, to); !slices.Equal(got, want) {
			r.Fatalf("window %v to %v of %+v:\n got %v\nwant %v", from, to, rule, got, want)
		}
	})
}
