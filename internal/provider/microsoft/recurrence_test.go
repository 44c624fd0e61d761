package microsoft

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"steno/internal/calendar"
)

// startingAt is an hour that begins on the clock of a zone.
func startingAt(t *testing.T, text, zone string) calendar.When {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	start, err := time.ParseInLocation("2006-01-02 15:04", text, loc)
	if err != nil {
		t.Fatal(err)
	}
	return calendar.When{Start: start.UTC(), End: start.UTC().Add(time.Hour), Zone: zone}
}

func TestRulesBecomeGraphsPatterns(t *testing.T) {
	const berlin, york = "Europe/Berlin", "America/New_York"
	for _, x := range []struct{ name, rule, start, zone, pattern, lifespan string }{
		{"daily", "FREQ=DAILY;INTERVAL=3", "2026-03-09 10:00", berlin, `{"type":"daily","interval":3}`, `{"type":"noEnd","startDate":"2026-03-09","recurrenceTimeZone":"Europe/Berlin"}`},
		{"daily on weekdays is weekly", "FREQ=DAILY;BYDAY=MO,TU", "2026-03-09 10:00", berlin, `{"type":"weekly","interval":1,"daysOfWeek":["monday","tuesday"],"firstDayOfWeek":"monday"}`, ""},
		{"weekly on the day of the start", "FREQ=WEEKLY", "2026-03-10 10:00", berlin, `{"type":"weekly","interval":1,"daysOfWeek":["tuesday"],"firstDayOfWeek":"monday"}`, ""},
		{"the day of the start is that of its zone", "FREQ=WEEKLY", "2026-03-10 22:00", york, `{"type":"weekly","interval":1,"daysOfWeek":["tuesday"],"firstDayOfWeek":"monday"}`, `{"type":"noEnd","startDate":"2026-03-10","recurrenceTimeZone":"America/New_York"}`},
		{"week that begins on Sunday", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU", "2026-03-09 10:00", berlin, `{"type":"weekly","interval":2,"daysOfWeek":["monday","sunday"],"firstDayOfWeek":"sunday"}`, ""},
		{"a day that is named twice", "FREQ=WEEKLY;BYDAY=MO,MO", "2026-03-09 10:00", berlin, `{"type":"weekly","interval":1,"daysOfWeek":["monday"],"firstDayOfWeek":"monday"}`, ""},
		{"monthly on the day of the start", "FREQ=MONTHLY", "2026-03-28 10:00", berlin, `{"type":"absoluteMonthly","interval":1,"dayOfMonth":28}`, ""},
		{"second Tuesday", "FREQ=MONTHLY;BYDAY=2TU", "2026-03-10 10:00", berlin, `{"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"firstDayOfWeek":"monday","index":"second"}`, ""},
		{"last Friday of each second month", "FREQ=MONTHLY;INTERVAL=2;BYDAY=-1FR", "2026-03-27 10:00", berlin, `{"type":"relativeMonthly","interval":2,"daysOfWeek":["friday"],"firstDayOfWeek":"monday","index":"last"}`, ""},
		{"last working day", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", "2026-03-31 10:00", berlin, `{"type":"relativeMonthly","interval":1,"daysOfWeek":["monday","tuesday","wednesday","thursday","friday"],"firstDayOfWeek":"monday","index":"last"}`, ""},
		{"third Thursday by position", "FREQ=MONTHLY;BYDAY=TH;BYSETPOS=3", "2026-03-19 10:00", berlin, `{"type":"relativeMonthly","interval":1,"daysOfWeek":["thursday"],"firstDayOfWeek":"monday","index":"third"}`, ""},
		{"yearly on the day of the start", "FREQ=YEARLY", "2026-03-31 10:00", berlin, `{"type":"absoluteYearly","interval":1,"month":3,"dayOfMonth":31}`, ""},
		{"fourth Thursday of November", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "2026-11-26 10:00", berlin, `{"type":"relativeYearly","interval":1,"month":11,"daysOfWeek":["thursday"],"firstDayOfWeek":"monday","index":"fourth"}`, ""},
		{"so many times", "FREQ=DAILY;COUNT=5", "2026-03-27 10:00", berlin, "", `{"type":"numbered","startDate":"2026-03-27","recurrenceTimeZone":"Europe/Berlin","numberOfOccurrences":5}`},
		{"until a day", "FREQ=DAILY;UNTIL=20260330", "2026-03-27 10:00", berlin, "", `{"type":"endDate","startDate":"2026-03-27","endDate":"2026-03-30","recurrenceTimeZone":"Europe/Berlin"}`},
		{"until the last begins, in summer", "FREQ=DAILY;UNTIL=20260330T080000Z", "2026-03-27 10:00", berlin, "", `{"type":"endDate","startDate":"2026-03-27","endDate":"2026-03-30","recurrenceTimeZone":"Europe/Berlin"}`},
		{"until just before, in summer", "FREQ=DAILY;UNTIL=20260330T075959Z", "2026-03-27 10:00", berlin, "", `{"type":"endDate","startDate":"2026-03-27","endDate":"2026-03-29","recurrenceTimeZone":"Europe/Berlin"}`},
		{"until the same in winter is an hour earlier", "FREQ=DAILY;UNTIL=20261026T085959Z", "2026-10-23 10:00", berlin, "", `{"type":"endDate","startDate":"2026-10-23","endDate":"2026-10-25","recurrenceTimeZone":"Europe/Berlin"}`},
		{"until the next day in UTC", "FREQ=DAILY;UNTIL=20260310T010000Z", "2026-03-07 21:00", york, "", `{"type":"endDate","startDate":"2026-03-07","endDate":"2026-03-09","recurrenceTimeZone":"America/New_York"}`},
		{"without a zone", "FREQ=DAILY;UNTIL=20260310T100000Z", "2026-03-09 10:00", "UTC", "", `{"type":"endDate","startDate":"2026-03-09","endDate":"2026-03-10","recurrenceTimeZone":"UTC"}`},
	} {
		p, err := patternOf([]string{"RRULE:" + x.rule}, startingAt(t, x.start, x.zone))
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		for got, want := range map[any]string{&p.Pattern: x.pattern, &p.Range: x.lifespan} {
			if text, err := json.Marshal(got); err != nil || want != "" && string(text) != want {
				t.Errorf("%s: %s\nwant %s, %v", x.name, text, want, err)
			}
		}
	}
}

// An all-day series counts days, wherever its calendar is.
func TestAllDaySeriesAreDates(t *testing.T) {
	day := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	p, err := patternOf([]string{"RRULE:FREQ=WEEKLY;UNTIL=20260414"}, calendar.When{Start: day, End: day.AddDate(0, 0, 1), AllDay: true, Zone: "America/New_York"})
	if err != nil || p.Range.Start != "2026-03-31" || p.Range.End != "2026-04-14" || p.Range.Zone != "UTC" || strings.Join(p.Pattern.Days, " ") != "tuesday" {
		t.Errorf("%+v, %v", p, err)
	}
}

// What Graph cannot say is refused, with what can be done instead.
func TestWhatGraphCannotExpressIsRefused(t *testing.T) {
	for rule, says := range map[string]string{
		"FREQ=DAILY;INTERVAL=2;BYDAY=MO":        "use FREQ=WEEKLY",
		"FREQ=DAILY;BYMONTH=3":                  "FREQ=DAILY with INTERVAL only",
		"FREQ=WEEKLY;BYMONTH=3":                 "INTERVAL and BYDAY only",
		"FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=1":    "INTERVAL and BYDAY only",
		"FREQ=MONTHLY;BYMONTH=3":                "BYMONTH with FREQ=YEARLY",
		"FREQ=MONTHLY;BYMONTHDAY=1,15":          "one BYMONTHDAY",
		"FREQ=MONTHLY;BYMONTHDAY=15;BYSETPOS=1": "one BYMONTHDAY",
		"FREQ=MONTHLY;BYMONTHDAY=31":            "no day 31",
		"FREQ=MONTHLY;BYMONTHDAY=29":            "no day 29",
		"FREQ=MONTHLY;BYMONTHDAY=-1":            "no day -1",
		"FREQ=MONTHLY;BYDAY=MO":                 "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=5MO":                "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=-2MO":               "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=1MO,3MO":            "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=1MO;BYSETPOS=1":     "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1,2": "first to fourth and the last",
		"FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13":   "not both",
		"FREQ=YEARLY;BYDAY=20MO":                "say BYMONTH",
		"FREQ=YEARLY;BYMONTHDAY=15":             "say BYMONTH",
		"FREQ=YEARLY;BYMONTH=3,9":               "one month only",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29":   "no day 29",
		"FREQ=DAILY;UNTIL=20260308":             "UNTIL lies before",
		"FREQ=DAILY;UNTIL=20260309T085959Z":     "UNTIL lies before",
		"FREQ=DAILY\nEXDATE:20260316T090000Z":   "EXDATE",
		"FREQ=DAILY\nRDATE;VALUE=DATE:20260316": "RDATE",
		"FREQ=SECONDLY":                         "calendars know",
	} {
		_, err := patternOf(strings.Split("RRULE:"+rule, "\n"), startingAt(t, "2026-03-09 10:00", "Europe/Berlin"))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", rule, err, says)
		}
	}
	// The day of the start counts like one that is named.
	if _, err := patternOf([]string{"RRULE:FREQ=MONTHLY"}, startingAt(t, "2026-03-31 10:00", "Europe/Berlin")); err == nil {
		t.Error("the 31st of each month is taken")
	}
}
