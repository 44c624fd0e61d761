package microsoft

import (
	"fmt"
	"strings"
	"time"

	"steno/simulator/truth"
)

type pattern struct {
	Type           string   `json:"type"`
	Interval       int      `json:"interval"`
	Month          int      `json:"month"`
	DayOfMonth     int      `json:"dayOfMonth"`
	DaysOfWeek     []string `json:"daysOfWeek,omitempty"`
	FirstDayOfWeek string   `json:"firstDayOfWeek,omitempty"`
	Index          string   `json:"index,omitempty"`
}

type span struct {
	Type                string `json:"type"`
	StartDate           string `json:"startDate"`
	EndDate             string `json:"endDate"`
	RecurrenceTimeZone  string `json:"recurrenceTimeZone"`
	NumberOfOccurrences int    `json:"numberOfOccurrences"`
}

type recurrence struct {
	Pattern pattern `json:"pattern"`
	Range   span    `json:"range"`
}

var indexes = map[int]string{1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}

const noDate = "0001-01-01"

func formatRecurrence(it *truth.Item) *recurrence {
	r, c := it.Rule, it.Content
	start := localDate(c.Start, c)
	p := pattern{Interval: max(r.Interval, 1), FirstDayOfWeek: dayName(r.WeekStart)}
	for _, d := range r.Days {
		p.DaysOfWeek = append(p.DaysOfWeek, dayName(d))
	}
	switch r.Freq {
	case truth.Daily:
		p.Type = "daily"
	case truth.Weekly:
		p.Type = "weekly"
		if len(p.DaysOfWeek) == 0 {
			p.DaysOfWeek = []string{dayName(start.Weekday())}
		}
	default:
		p.Type = "absolute" + title(string(r.Freq))
		if r.Nth != 0 {
			p.Type, p.Index = "relative"+title(string(r.Freq)), indexes[r.Nth]
		} else if p.DayOfMonth = r.MonthDay; p.DayOfMonth == 0 {
			p.DayOfMonth = start.Day()
		}
		if r.Freq == truth.Yearly {
			if p.Month = int(r.Month); p.Month == 0 {
				p.Month = int(start.Month())
			}
		}
	}
	s := span{Type: "noEnd", StartDate: start.Format(time.DateOnly), EndDate: noDate, RecurrenceTimeZone: windowsName(c.Zone)}
	if r.Count > 0 {
		s.Type, s.NumberOfOccurrences = "numbered", r.Count
	} else if !r.Until.IsZero() {
		s.Type, s.EndDate = "endDate", localDate(r.Until, c).Format(time.DateOnly)
	}
	return &recurrence{p, s}
}

func localDate(t time.Time, c *truth.Content) time.Time {
	if c.AllDay {
		return t
	}
	if loc, err := time.LoadLocation(c.Zone); err == nil {
		t = t.In(loc)
	}
	return t
}

func dayName(d time.Weekday) string { return strings.ToLower(d.String()) }

func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// check refuses what Graph refuses: a pattern without what its type needs, a
// range without its bound.
func (r *recurrence) check() error {
	p, kind := r.Pattern, strings.ToLower(r.Pattern.Type)
	_, start := time.Parse(time.DateOnly, r.Range.StartDate)
	switch {
	case p.Interval < 1:
		return fmt.Errorf("pattern.interval must be 1 or more")
	case (kind == "weekly" || strings.HasPrefix(kind, "relative")) && len(p.DaysOfWeek) == 0:
		return fmt.Errorf("pattern.daysOfWeek is required")
	case strings.HasPrefix(kind, "absolute") && (p.DayOfMonth < 1 || p.DayOfMonth > 31):
		return fmt.Errorf("pattern.dayOfMonth is required")
	case strings.HasSuffix(kind, "yearly") && (p.Month < 1 || p.Month > 12):
		return fmt.Errorf("pattern.month is required")
	case start != nil:
		return fmt.Errorf("range.startDate is required")
	case strings.EqualFold(r.Range.Type, "numbered") && r.Range.NumberOfOccurrences < 1:
		return fmt.Errorf("range.numberOfOccurrences must be 1 or more")
	case strings.EqualFold(r.Range.Type, "endDate") && r.Range.EndDate < r.Range.StartDate:
		return fmt.Errorf("range.endDate lies before range.startDate")
	}
	return nil
}

// parseRecurrence reads a recurrence for an event that starts at start.
func parseRecurrence(r *recurrence, c *truth.Content) (*truth.Rule, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	rule := &truth.Rule{Interval: r.Pattern.Interval, WeekStart: time.Sunday}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(r.Pattern.FirstDayOfWeek, d.String()) {
			rule.WeekStart = d
		}
		for _, name := range r.Pattern.DaysOfWeek {
			if strings.EqualFold(name, d.String()) {
				rule.Days = append(rule.Days, d)
			}
		}
	}
	switch kind := strings.ToLower(r.Pattern.Type); kind {
	case "daily":
		rule.Freq, rule.Days = truth.Daily, nil
	case "weekly":
		rule.Freq = truth.Weekly
	case "absolutemonthly", "absoluteyearly", "relativemonthly", "relativeyearly":
		rule.Freq = truth.Monthly
		if strings.HasSuffix(kind, "yearly") {
			rule.Freq, rule.Month = truth.Yearly, time.Month(r.Pattern.Month)
		}
		if strings.HasPrefix(kind, "absolute") {
			rule.MonthDay, rule.Days = r.Pattern.DayOfMonth, nil
			break
		}
		rule.Nth = 1
		for n, name := range indexes {
			if strings.EqualFold(name, r.Pattern.Index) {
				rule.Nth = n
			}
		}
	default:
		return nil, fmt.Errorf("pattern type %q", r.Pattern.Type)
	}
	switch strings.ToLower(r.Range.Type) {
	case "numbered":
		rule.Count = r.Range.NumberOfOccurrences
	case "enddate":
		end, err := time.Parse(time.DateOnly, r.Range.EndDate)
		if err != nil {
			return nil, fmt.Errorf("endDate %q", r.Range.EndDate)
		}
		// Inclusive, in the zone of the recurrence.
		rule.Until = end
		if !c.AllDay {
			rule.Until = truth.Begins(end.AddDate(0, 0, 1), true, c.Zone).Add(-time.Second)
		}
	}
	return rule, rule.Check()
}

var windows = map[string]string{
	"UTC": "UTC", "Europe/Berlin": "W. Europe Standard Time", "Europe/London": "GMT Standard Time", "Europe/Paris": "Romance Standard Time",
	"America/New_York": "Eastern Standard Time", "America/Chicago": "Central Standard Time", "America/Los_Angeles": "Pacific Standard Time",
	"Asia/Tokyo": "Tokyo Standard Time", "Asia/Kolkata": "India Standard Time", "Australia/Sydney": "AUS Eastern Standard Time",
	"America/Santiago": "Pacific SA Standard Time", "America/Sao_Paulo": "E. South America Standard Time",
}

// windowsName is how Windows calls a zone; zones it does not list stay as they
// are, as Graph leaves many.
func windowsName(zone string) string {
	if name, ok := windows[zone]; ok {
		return name
	}
	return zone
}

// ianaName undoes windowsName; the name has to be known.
func ianaName(name string) (string, error) {
	for iana, win := range windows {
		if strings.EqualFold(win, name) {
			return iana, nil
		}
	}
	if _, err := time.LoadLocation(name); err != nil || name == "" {
		return "", fmt.Errorf("the following TimeZone value is not supported: '%s'", name)
	}
	return name, nil
}
