package microsoft

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/rrule"
	"steno/internal/clock"
)

// patterned is Graph's patternedRecurrence.
type patterned struct {
	Pattern pattern  `json:"pattern"`
	Range   lifespan `json:"range"`
}

type pattern struct {
	Type       string   `json:"type"`
	Interval   int      `json:"interval"`
	Month      int      `json:"month,omitempty"`
	DayOfMonth int      `json:"dayOfMonth,omitempty"`
	Days       []string `json:"daysOfWeek,omitempty"`
	WeekStart  string   `json:"firstDayOfWeek,omitempty"`
	Index      string   `json:"index,omitempty"`
}

type lifespan struct {
	Type  string `json:"type"`
	Start string `json:"startDate"`
	End   string `json:"endDate,omitempty"`
	Zone  string `json:"recurrenceTimeZone,omitempty"`
	Count int    `json:"numberOfOccurrences,omitempty"`
}

// indexes are the places in a month that Graph has words for.
var indexes = map[int]string{1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}

// patternOf translates recurrence lines. What Graph cannot say is refused: an
// approximation would put meetings, and bots, on days that nobody asked for.
func patternOf(lines []string, w calendar.When) (patterned, error) {
	var p patterned
	set, err := rrule.Parse(lines)
	if err != nil {
		return p, err
	}
	if len(set.Others) > 0 {
		return p, fmt.Errorf("Microsoft knows no EXDATE and RDATE; leave them out, and delete or move single occurrences afterwards")
	}
	start := local(w.Start, w)
	p.Pattern.Interval = set.Interval
	switch set.Freq {
	case "DAILY":
		err = p.Pattern.daily(set.Rule)
	case "WEEKLY":
		err = p.Pattern.weekly(set.Rule, start)
	default:
		err = p.Pattern.monthly(set.Rule, start)
	}
	if err != nil {
		return p, err
	}
	p.Range = lifespan{Type: "noEnd", Start: start.Format(time.DateOnly), Zone: zoneName(w)}
	switch {
	case set.Count > 0:
		p.Range.Type, p.Range.Count = "numbered", set.Count
	case !set.Until.IsZero():
		p.Range.Type, p.Range.End = "endDate", lastDay(set.Rule, start, w).Format(time.DateOnly)
		if p.Range.End < p.Range.Start {
			return p, fmt.Errorf("UNTIL lies before the start of the event")
		}
	}
	return p, nil
}

// local is a time as the clock where the event takes place shows it.
func local(t time.Time, w calendar.When) time.Time {
	if w.AllDay {
		return t
	}
	loc, err := clock.Zone(w.Zone)
	if err != nil {
		loc = time.UTC
	}
	return t.In(loc)
}

func zoneName(w calendar.When) string {
	if w.AllDay || w.Zone == "" {
		return "UTC"
	}
	return w.Zone
}

// lastDay is the last date on which an occurrence may be. Graph's end is a date,
// that of RFC 5545 an instant that the last occurrence must not begin after.
func lastDay(r rrule.Rule, start time.Time, w calendar.When) time.Time {
	if r.UntilDay {
		return r.Until
	}
	until := local(r.Until, w)
	clock := func(t time.Time) int { return t.Hour()*3600 + t.Minute()*60 + t.Second() }
	if clock(start) > clock(until) {
		until = until.AddDate(0, 0, -1)
	}
	return until
}

func (p *pattern) daily(r rrule.Rule) error {
	if len(r.MonthDays)+len(r.Months)+len(r.SetPos) > 0 || (len(r.Days) > 0 && r.Interval != 1) {
		return fmt.Errorf("Microsoft knows FREQ=DAILY with INTERVAL only; for certain weekdays use FREQ=WEEKLY with BYDAY")
	}
	p.Type = "daily"
	if len(r.Days) > 0 {
		p.Type = "weekly"
		p.week(r)
	}
	return nil
}

func (p *pattern) weekly(r rrule.Rule, start time.Time) error {
	if len(r.Months)+len(r.SetPos) > 0 {
		return fmt.Errorf("Microsoft knows FREQ=WEEKLY with INTERVAL and BYDAY only")
	}
	p.Type = "weekly"
	if p.week(r); len(p.Days) == 0 {
		p.Days = []string{dayName(start.Weekday())}
	}
	return nil
}

func (p *pattern) week(r rrule.Rule) {
	p.WeekStart = dayName(r.WeekStart)
	for _, d := range r.Days {
		if name := dayName(d.Week); !slices.Contains(p.Days, name) {
			p.Days = append(p.Days, name)
		}
	}
}

func (p *pattern) monthly(r rrule.Rule, start time.Time) error {
	kind := "Monthly"
	if r.Freq == "YEARLY" {
		kind = "Yearly"
		if p.Month = int(start.Month()); len(r.Months) == 1 {
			p.Month = r.Months[0]
		}
	}
	switch {
	case len(r.Months) > 1 || (len(r.Months) == 1 && kind == "Monthly"):
		return fmt.Errorf("Microsoft knows BYMONTH with FREQ=YEARLY and one month only")
	case len(r.Days) > 0 && len(r.MonthDays) > 0:
		return fmt.Errorf("Microsoft knows BYDAY or BYMONTHDAY, not both")
	case len(r.Days) > 0:
		if kind == "Yearly" && len(r.Months) == 0 {
			return fmt.Errorf("Microsoft knows FREQ=YEARLY with BYDAY in one month only; say BYMONTH")
		}
		p.Type = "relative" + kind
		return p.nth(r)
	case len(r.MonthDays) > 1 || len(r.SetPos) > 0:
		return fmt.Errorf("Microsoft knows one BYMONTHDAY and no BYSETPOS beside it; make a series for each day")
	case kind == "Yearly" && len(r.MonthDays) > 0 && len(r.Months) == 0: // is that day of every month
		return fmt.Errorf("Microsoft knows FREQ=YEARLY with BYMONTHDAY in one month only; say BYMONTH, or use FREQ=MONTHLY")
	}
	p.Type = "absolute" + kind
	if p.DayOfMonth = start.Day(); len(r.MonthDays) == 1 {
		p.DayOfMonth = r.MonthDays[0]
	}
	if p.DayOfMonth < 1 || p.DayOfMonth > shortest(p.Month) {
		return fmt.Errorf("Microsoft cannot leave out months that have no day %d; use a day from 1 to %d, or the last weekday with BYDAY=-1FR", p.DayOfMonth, shortest(p.Month))
	}
	return nil
}

// shortest is the last day that the month has in every year, that all months
// have if it is 0.
func shortest(month int) int {
	if month == 0 {
		return 28
	}
	return time.Date(2023, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// nth reads BYDAY=2TU, and BYDAY=MO,TU;BYSETPOS=-1.
func (p *pattern) nth(r rrule.Rule) error {
	n := 0
	switch {
	case len(r.Days) == 1 && len(r.SetPos) == 0:
		n = r.Days[0].N
	case len(r.SetPos) == 1 && !slices.ContainsFunc(r.Days, func(d rrule.Day) bool { return d.N != 0 }):
		n = r.SetPos[0]
	}
	index, ok := indexes[n]
	if !ok {
		return fmt.Errorf("Microsoft knows the first to fourth and the last of a month's weekdays: BYDAY=2TU, or BYDAY=MO,TU with one BYSETPOS")
	}
	p.Index = index
	p.week(r)
	return nil
}

func dayName(d time.Weekday) string { return strings.ToLower(d.String()) }
