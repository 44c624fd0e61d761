// Package rrule reads and rewrites recurrence lines (RFC 5545, 3.3.10). It says
// what a rule says; it does not know on which days that falls. Occurrences come
// from the calendar service, never from here.
package rrule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of what is read.
const (
	maxLines = 50
	maxLine  = 2000
)

// Day is a weekday, perhaps the nth of its month.
type Day struct {
	N    int // 0: every
	Week time.Weekday
}

// Rule is an RRULE.
type Rule struct {
	Freq       string // DAILY, WEEKLY, MONTHLY, YEARLY
	Interval   int    // 1 or more
	Count      int    // 0: not said
	Until      time.Time
	UntilDay   bool // Until is a date
	Days       []Day
	MonthDays  []int
	Months     []int
	SetPos     []int
	WeekStart  time.Weekday
	weekStated bool
}

// Set is what stands in an event's recurrence.
type Set struct {
	Rule
	// Others are the lines beside the RRULE, as they are: EXDATE, RDATE.
	Others []string
}

var weekdays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// Parse reads recurrence lines: one RRULE, with EXDATE and RDATE lines beside it.
// Its errors are for whoever wrote them.
func Parse(lines []string) (Set, error) {
	var s Set
	if len(lines) > maxLines {
		return s, fmt.Errorf("has more than %d lines", maxLines)
	}
	found := false
	for _, line := range lines {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		property, _, _ := strings.Cut(strings.ToUpper(name), ";")
		switch {
		case len(line) > maxLine:
			return s, fmt.Errorf("has a line of more than %d characters", maxLine)
		case !ok || value == "":
			return s, fmt.Errorf("has the line %q, which is not of the form RRULE:FREQ=…", short(line))
		case property == "RRULE" && found:
			return s, fmt.Errorf("has two RRULE lines; one is allowed")
		case property == "RRULE":
			found = true
			if err := s.read(value); err != nil {
				return s, err
			}
		case property == "EXDATE" || property == "RDATE":
			if err := checkDates(value); err != nil {
				return s, fmt.Errorf("has the line %q: %w", short(line), err)
			}
			s.Others = append(s.Others, strings.TrimSpace(line))
		default:
			return s, fmt.Errorf("has the line %q; RRULE, EXDATE and RDATE are allowed", short(line))
		}
	}
	if !found {
		return s, fmt.Errorf("has no RRULE line")
	}
	return s, nil
}

func short(text string) string {
	if len(text) > 60 {
		text = text[:60] + "…"
	}
	return strings.ToValidUTF8(text, "")
}

func (r *Rule) read(value string) error {
	r.Interval, r.WeekStart = 1, time.Monday
	seen := map[string]bool{}
	for part := range strings.SplitSeq(strings.TrimSuffix(strings.ToUpper(value), ";"), ";") {
		name, v, ok := strings.Cut(part, "=")
		if !ok || seen[name] {
			return fmt.Errorf("has the part %q twice, or without a value", short(part))
		}
		seen[name] = true
		if err := r.part(name, v); err != nil {
			return fmt.Errorf("has the part %q: %w", short(part), err)
		}
	}
	switch {
	case r.Freq == "":
		return fmt.Errorf("has no FREQ")
	case seen["COUNT"] && seen["UNTIL"]:
		return fmt.Errorf("has both COUNT and UNTIL; one is allowed")
	case r.Freq != "MONTHLY" && r.Freq != "YEARLY" && slices.ContainsFunc(r.Days, func(d Day) bool { return d.N != 0 }):
		return fmt.Errorf("has a numbered BYDAY, which needs FREQ=MONTHLY or YEARLY")
	case r.Freq == "WEEKLY" && len(r.MonthDays) > 0:
		return fmt.Errorf("has BYMONTHDAY, which FREQ=WEEKLY does not allow")
	case len(r.SetPos) > 0 && len(r.Days)+len(r.MonthDays)+len(r.Months) == 0:
		return fmt.Errorf("has BYSETPOS without another BY part")
	}
	return nil
}

func (r *Rule) part(name, v string) (err error) {
	switch name {
	case "FREQ":
		if !slices.Contains([]string{"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}, v) {
			return fmt.Errorf("calendars know DAILY, WEEKLY, MONTHLY and YEARLY")
		}
		r.Freq = v
	case "INTERVAL":
		r.Interval, err = number(v, 1, 999)
	case "COUNT":
		r.Count, err = number(v, 1, 10_000)
	case "UNTIL":
		r.Until, r.UntilDay, err = moment(v, time.UTC)
	case "BYDAY":
		for d := range strings.SplitSeq(v, ",") {
			day, err := readDay(d)
			if err != nil {
				return err
			}
			r.Days = append(r.Days, day)
		}
	case "BYMONTHDAY":
		r.MonthDays, err = numbers(v, 31)
	case "BYMONTH":
		if r.Months, err = numbers(v, 12); err == nil && slices.Min(r.Months) < 0 {
			err = fmt.Errorf("months are 1 to 12")
		}
	case "BYSETPOS":
		r.SetPos, err = numbers(v, 366)
	case "WKST":
		i := slices.Index(weekdays, v)
		if i < 0 {
			return fmt.Errorf("is no weekday")
		}
		r.WeekStart, r.weekStated = time.Weekday(i), true
	default:
		return fmt.Errorf("is not known to calendars")
	}
	return err
}

func readDay(text string) (Day, error) {
	if len(text) < 2 {
		return Day{}, fmt.Errorf("is no weekday")
	}
	i := slices.Index(weekdays, text[len(text)-2:])
	if i < 0 {
		return Day{}, fmt.Errorf("is no weekday")
	}
	d := Day{Week: time.Weekday(i)}
	if n := strings.TrimPrefix(text[:len(text)-2], "+"); n != "" {
		list, err := numbers(n, 53)
		if err != nil || len(list) != 1 {
			return Day{}, fmt.Errorf("is no weekday")
		}
		d.N = list[0]
	}
	return d, nil
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("must be a number from %d to %d", least, most)
	}
	return n, nil
}

// numbers reads a list of numbers from -most to most without 0.
func numbers(v string, most int) (out []int, err error) {
	for text := range strings.SplitSeq(v, ",") {
		n, err := number(strings.TrimPrefix(text, "+"), -most, most)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("must be numbers from 1 to %d, or below zero from the end", most)
		}
		out = append(out, n)
	}
	return out, nil
}

const (
	utcForm   = "20060102T150405Z"
	localForm = "20060102T150405"
	dateForm  = "20060102"
)

func moment(v string, in *time.Location) (at time.Time, day bool, err error) {
	if at, err = time.Parse(utcForm, v); err == nil {
		return at, false, nil
	}
	if at, err = time.ParseInLocation(localForm, v, in); err == nil {
		return at, false, nil
	}
	if at, err = time.Parse(dateForm, v); err == nil {
		return at, true, nil
	}
	return at, false, fmt.Errorf("must be of the form 20261231T235959Z or 20261231")
}

func checkDates(value string) error {
	for v := range strings.SplitSeq(strings.ToUpper(value), ",") {
		if _, _, err := moment(v, time.UTC); err != nil {
			return err
		}
	}
	return nil
}

// Lines writes the set.
func (s Set) Lines() []string { return append([]string{"RRULE:" + s.Rule.String()}, s.Others...) }

// String writes the rule without its name.
func (r Rule) String() string {
	parts := []string{"FREQ=" + r.Freq}
	add := func(name, value string) { parts = append(parts, name+"="+value) }
	if r.Interval > 1 {
		add("INTERVAL", strconv.Itoa(r.Interval))
	}
	if r.weekStated {
		add("WKST", weekdays[r.WeekStart])
	}
	if len(r.Months) > 0 {
		add("BYMONTH", join(r.Months))
	}
	if len(r.MonthDays) > 0 {
		add("BYMONTHDAY", join(r.MonthDays))
	}
	if len(r.Days) > 0 {
		var days []string
		for _, d := range r.Days {
			n := ""
			if d.N != 0 {
				n = strconv.Itoa(d.N)
			}
			days = append(days, n+weekdays[d.Week])
		}
		add("BYDAY", strings.Join(days, ","))
	}
	if len(r.SetPos) > 0 {
		add("BYSETPOS", join(r.SetPos))
	}
	switch {
	case r.Count > 0:
		add("COUNT", strconv.Itoa(r.Count))
	case !r.Until.IsZero() && r.UntilDay:
		add("UNTIL", r.Until.Format(dateForm))
	case !r.Until.IsZero():
		add("UNTIL", r.Until.UTC().Format(utcForm))
	}
	return strings.Join(parts, ";")
}

func join(list []int) string {
	out := make([]string, 0, len(list))
	for _, n := range list {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ",")
}

// EndBefore makes the slot before the given one the last.
func (s *Set) EndBefore(slot time.Time, allDay bool) {
	s.Count, s.Until, s.UntilDay = 0, slot.Add(-time.Second), allDay
	if allDay {
		s.Until = slot.AddDate(0, 0, -1)
	}
}

// EndAt makes the given slot the last.
func (s *Set) EndAt(slot time.Time, allDay bool) { s.Count, s.Until, s.UntilDay = 0, slot, allDay }

// Shift moves the end and the dates of the lines beside the rule along with a
// series that moves to another hour of the same days.
func (s *Set) Shift(by time.Duration) {
	if by == 0 {
		return
	}
	if !s.Until.IsZero() && !s.UntilDay {
		s.Until = s.Until.Add(by)
	}
	for i, line := range s.Others {
		name, value, _ := strings.Cut(line, ":")
		var moved []string
		for v := range strings.SplitSeq(strings.ToUpper(value), ",") {
			at, day, err := moment(v, time.UTC)
			switch {
			case err != nil || day:
				moved = append(moved, v)
			case strings.HasSuffix(v, "Z"):
				moved = append(moved, at.Add(by).Format(utcForm))
			default:
				moved = append(moved, at.Add(by).Format(localForm))
			}
		}
		s.Others[i] = name + ":" + strings.Join(moved, ",")
	}
}
