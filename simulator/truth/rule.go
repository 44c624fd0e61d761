package truth

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Freq is the unit of a rule.
type Freq string

// The units.
const (
	Daily   Freq = "daily"
	Weekly  Freq = "weekly"
	Monthly Freq = "monthly"
	Yearly  Freq = "yearly"
)

// Rule says when a series comes back. It knows what people make with the
// dialogs of calendars, not all of RFC 5545.
type Rule struct {
	Freq     Freq           `json:"freq"`
	Interval int            `json:"interval,omitempty"` // 0 is 1
	Days     []time.Weekday `json:"days,omitempty"`     // weekly: which days; monthly, yearly: one day, with Nth
	Nth      int            `json:"nth,omitempty"`      // 1..4, -1: the nth such day of the month
	MonthDay int            `json:"month_day,omitempty"`
	Month    time.Month     `json:"month,omitempty"` // yearly
	Count    int            `json:"count,omitempty"` // 0: no limit
	// Until is the last instant at which an occurrence may start (all-day: the
	// last date at midnight UTC); zero: no limit.
	Until     time.Time    `json:"until,omitzero"`
	WeekStart time.Weekday `json:"week_start,omitempty"`
}

func (r *Rule) clone() *Rule {
	if r == nil {
		return nil
	}
	c := *r
	c.Days = slices.Clone(r.Days)
	return &c
}

// Check reports a rule that cannot be.
func (r *Rule) Check() error {
	switch {
	case !slices.Contains([]Freq{Daily, Weekly, Monthly, Yearly}, r.Freq):
		return fmt.Errorf("unknown frequency %q", r.Freq)
	case r.Interval < 0 || r.Interval > 1000:
		return fmt.Errorf("interval %d", r.Interval)
	case r.Count < 0:
		return fmt.Errorf("count %d", r.Count)
	case r.MonthDay < 0 || r.MonthDay > 31:
		return fmt.Errorf("day %d of the month", r.MonthDay)
	case r.Nth != 0 && (r.Nth < -1 || r.Nth > 4 || len(r.Days) != 1):
		return fmt.Errorf("day number %d of the month needs one weekday and 1..4 or -1", r.Nth)
	case r.Nth == 0 && len(r.Days) > 0 && r.Freq != Weekly:
		return fmt.Errorf("weekdays in a %s rule need their number", r.Freq)
	}
	return nil
}

const day = 24 * time.Hour

// dates yields the civil dates of the rule (midnight UTC) from start on, in
// order, without Count and Until. It begins near from, if that is later. It
// stops at the year 2200, or when yield returns false.
func (r *Rule) dates(start, from time.Time, yield func(time.Time) bool) {
	n := max(r.Interval, 1)
	end := time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	emit := func(d time.Time) bool { return d.Before(start) || yield(d) }
	skip := 0 // periods before from
	switch r.Freq {
	case Daily:
		if from.After(start) {
			skip = int(from.Sub(start)/day)/n - 1
		}
		for k := max(skip, 0); ; k++ {
			d := start.AddDate(0, 0, k*n)
			if d.After(end) || !emit(d) {
				return
			}
		}
	case Weekly:
		week := start.AddDate(0, 0, -int((start.Weekday()-r.WeekStart+7)%7))
		if from.After(week) {
			skip = int(from.Sub(week)/(7*day))/n - 1
		}
		days := r.weekOffsets(start)
		for k := max(skip, 0); ; k++ {
			for _, off := range days {
				d := week.AddDate(0, 0, 7*k*n+off)
				if d.After(end) || !emit(d) {
					return
				}
			}
		}
	default:
		r.months(start, from, end, emit)
	}
}

// weekOffsets are the days of a week counted from WeekStart.
func (r *Rule) weekOffsets(start time.Time) []int {
	days := r.Days
	if len(days) == 0 {
		days = []time.Weekday{start.Weekday()}
	}
	var offsets []int
	for _, d := range days {
		offsets = append(offsets, int((d-r.WeekStart+7)%7))
	}
	slices.Sort(offsets)
	return slices.Compact(offsets)
}

func (r *Rule) months(start, from, end time.Time, emit func(time.Time) bool) {
	step := max(r.Interval, 1)
	first := time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, time.UTC)
	if r.Freq == Yearly {
		step *= 12
		if r.Month != 0 {
			first = time.Date(start.Year(), r.Month, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	skip := 0
	if from.After(first) {
		skip = ((from.Year()-first.Year())*12+int(from.Month()-first.Month()))/step - 1
	}
	for k := max(skip, 0); ; k++ {
		m := first.AddDate(0, k*step, 0)
		if m.After(end) {
			return
		}
		if d, ok := r.inMonth(m, start); ok && !emit(d) {
			return
		}
	}
}

// inMonth finds the rule's day in a month. A day that the month does not have
// is left out, as RFC 5545 says.
func (r *Rule) inMonth(first, start time.Time) (time.Time, bool) {
	if r.Nth != 0 {
		d := first.AddDate(0, 0, int((r.Days[0]-first.Weekday()+7)%7))
		if r.Nth > 0 {
			d = d.AddDate(0, 0, 7*(r.Nth-1))
			return d, d.Month() == first.Month()
		}
		for next := d.AddDate(0, 0, 7); next.Month() == first.Month(); next = next.AddDate(0, 0, 7) {
			d = next
		}
		return d, true
	}
	n := r.MonthDay
	if n == 0 {
		n = start.Day()
	}
	d := first.AddDate(0, 0, n-1)
	return d, d.Month() == first.Month()
}

var zones sync.Map // name → *time.Location

func location(name string) (*time.Location, error) {
	if l, ok := zones.Load(name); ok {
		return l.(*time.Location), nil
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, l)
	return l, nil
}

// wall returns the instant of a wall clock in a zone. A time that the zone
// leaves out in spring is read with the offset before the change, one that it
// has twice in autumn is the first (RFC 5545, 3.3.5).
func wall(date time.Time, clock time.Duration, loc *time.Location) time.Time {
	civil := date.Add(clock)
	_, before := civil.Add(-day).In(loc).Zone()
	first := civil.Add(-time.Duration(before) * time.Second)
	if sameClock(first.In(loc), civil) {
		return first
	}
	_, after := civil.Add(day).In(loc).Zone()
	if second := civil.Add(-time.Duration(after) * time.Second); sameClock(second.In(loc), civil) {
		return second
	}
	return first
}

func sameClock(local, civil time.Time) bool {
	return local.Hour() == civil.Hour() && local.Minute() == civil.Minute() && local.Day() == civil.Day()
}

// civil splits an instant into its date (midnight UTC) and wall clock in a zone.
func civil(t time.Time, loc *time.Location) (date time.Time, clock time.Duration) {
	l := t.In(loc)
	date = time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, time.UTC)
	clock = time.Duration(l.Hour())*time.Hour + time.Duration(l.Minute())*time.Minute + time.Duration(l.Second())*time.Second
	return date, clock
}
