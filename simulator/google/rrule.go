package google

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/simulator/truth"
)

var weekdays = []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}

// formatRecurrence writes a series' recurrence lines (RFC 5545).
func formatRecurrence(it *truth.Item) []string {
	r, c := it.Rule, it.Content
	parts := []string{"FREQ=" + strings.ToUpper(string(r.Freq))}
	if r.Interval > 1 {
		parts = append(parts, "INTERVAL="+strconv.Itoa(r.Interval))
	}
	if len(r.Days) > 0 {
		var days []string
		for _, d := range r.Days {
			prefix := ""
			if r.Nth != 0 {
				prefix = strconv.Itoa(r.Nth)
			}
			days = append(days, prefix+weekdays[d])
		}
		parts = append(parts, "BYDAY="+strings.Join(days, ","))
	}
	if r.MonthDay != 0 {
		parts = append(parts, "BYMONTHDAY="+strconv.Itoa(r.MonthDay))
	}
	if r.Month != 0 {
		parts = append(parts, "BYMONTH="+strconv.Itoa(int(r.Month)))
	}
	if r.Count > 0 {
		parts = append(parts, "COUNT="+strconv.Itoa(r.Count))
	}
	if !r.Until.IsZero() {
		parts = append(parts, "UNTIL="+truth.SlotOf(r.Until, c.AllDay))
	}
	lines := []string{"RRULE:" + strings.Join(parts, ";")}
	if len(it.Skipped) > 0 {
		var slots []string
		for s := range it.Skipped {
			slots = append(slots, s)
		}
		slices.Sort(slots)
		name := "EXDATE:"
		if c.AllDay {
			name = "EXDATE;VALUE=DATE:"
		}
		lines = append(lines, name+strings.Join(slots, ","))
	}
	return lines
}

// parseRecurrence reads recurrence lines. The fake knows the rules that
// calendars' dialogs make; others are refused rather than read wrong.
func parseRecurrence(lines []string, zone string, allDay bool) (rule *truth.Rule, skip []time.Time, err error) {
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		prop, params, _ := strings.Cut(name, ";")
		switch {
		case !ok:
			return nil, nil, fmt.Errorf("recurrence line %q has no colon", line)
		case prop == "RRULE" && rule == nil:
			if rule, err = parseRule(value); err != nil {
				return nil, nil, err
			}
		case prop == "EXDATE":
			dates, err := parseDates(value, params, zone, allDay)
			if err != nil {
				return nil, nil, err
			}
			skip = append(skip, dates...)
		default:
			return nil, nil, fmt.Errorf("recurrence line %q is not known here", line)
		}
	}
	return rule, skip, nil
}

func parseRule(value string) (*truth.Rule, error) {
	r := &truth.Rule{WeekStart: time.Monday}
	for part := range strings.SplitSeq(strings.TrimSuffix(value, ";"), ";") {
		k, v, _ := strings.Cut(part, "=")
		var err error
		switch strings.ToUpper(k) {
		case "FREQ":
			r.Freq = truth.Freq(strings.ToLower(v))
		case "INTERVAL":
			r.Interval, err = strconv.Atoi(v)
		case "COUNT":
			r.Count, err = strconv.Atoi(v)
		case "BYMONTHDAY":
			r.MonthDay, err = strconv.Atoi(v)
		case "BYMONTH":
			var m int
			m, err = strconv.Atoi(v)
			r.Month = time.Month(m)
		case "WKST":
			r.WeekStart, err = weekday(v)
		case "UNTIL":
			r.Until, _, err = truth.ParseSlot(v)
		case "BYDAY":
			for d := range strings.SplitSeq(v, ",") {
				if len(d) > 2 {
					if r.Nth, err = strconv.Atoi(d[:len(d)-2]); err != nil {
						break
					}
					d = d[len(d)-2:]
				}
				var w time.Weekday
				if w, err = weekday(d); err != nil {
					break
				}
				r.Days = append(r.Days, w)
			}
		default:
			err = fmt.Errorf("part %s is not known here", k)
		}
		if err != nil {
			return nil, fmt.Errorf("RRULE %q: %w", value, err)
		}
	}
	return r, r.Check()
}

func weekday(s string) (time.Weekday, error) {
	i := slices.Index(weekdays, strings.ToUpper(s))
	if i < 0 {
		return 0, fmt.Errorf("weekday %q", s)
	}
	return time.Weekday(i), nil
}

func parseDates(value, params, zone string, allDay bool) ([]time.Time, error) {
	if tz, ok := strings.CutPrefix(params, "TZID="); ok {
		zone = tz
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	var list []time.Time
	for v := range strings.SplitSeq(value, ",") {
		t, err := time.Parse("20060102T150405Z", v)
		if err != nil && !allDay {
			t, err = time.ParseInLocation("20060102T150405", v, loc)
		}
		if err != nil {
			t, err = time.Parse("20060102", v)
		}
		if err != nil {
			return nil, fmt.Errorf("EXDATE %q", v)
		}
		list = append(list, t.UTC())
	}
	return list, nil
}
