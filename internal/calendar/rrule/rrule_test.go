package rrule

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestARuleIsWrittenAsItWasRead(t *testing.T) {
	for _, x := range []struct{ line, want string }{ // want is empty: the same
		{"FREQ=DAILY", ""},
		{"FREQ=DAILY;INTERVAL=1", "FREQ=DAILY"},
		{"freq=weekly;byday=mo,fr;", "FREQ=WEEKLY;BYDAY=MO,FR"},
		{"FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=TU,SU", ""},
		{"FREQ=WEEKLY;WKST=MO", ""}, // said, though it is the default
		{"FREQ=MONTHLY;BYDAY=+2TU", "FREQ=MONTHLY;BYDAY=2TU"},
		{"FREQ=MONTHLY;BYDAY=-1FR,1MO", ""},
		{"FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1", ""},
		{"FREQ=MONTHLY;BYMONTHDAY=1,15,-1", ""},
		{"FREQ=YEARLY;BYMONTH=3,9;BYDAY=20MO", ""},
		{"FREQ=DAILY;COUNT=10000", ""},
		{"COUNT=3;BYDAY=WE;FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=WE;COUNT=3"},
		{"FREQ=DAILY;UNTIL=20261231", ""},
		{"FREQ=DAILY;UNTIL=20260329T005959Z", ""},
		{"FREQ=DAILY;UNTIL=20260329T005959", "FREQ=DAILY;UNTIL=20260329T005959Z"},
	} {
		set, err := Parse([]string{"RRULE:" + x.line})
		if err != nil {
			t.Errorf("%s: %v", x.line, err)
			continue
		}
		want := x.want
		if want == "" {
			want = x.line
		}
		if got := set.Rule.String(); got != want {
			t.Errorf("%s becomes %s, want %s", x.line, got, want)
		}
	}
}

// Whoever wrote the lines must find out which part it is.
func TestWhatIsWrongWithARuleIsNamed(t *testing.T) {
	for line, says := range map[string]string{
		"RRULE:FREQ=HOURLY":                               `"FREQ=HOURLY": calendars know DAILY`,
		"RRULE:FREQ=":                                     `"FREQ="`,
		"RRULE:BYDAY=MO":                                  "has no FREQ",
		"RRULE:FREQ=DAILY;FREQ=DAILY":                     "twice",
		"RRULE:FREQ=DAILY;COUNT":                          `"COUNT" twice, or without a value`,
		"RRULE:FREQ=DAILY;COUNT=0":                        "from 1 to 10000",
		"RRULE:FREQ=DAILY;COUNT=99999999999999999999":     "from 1 to 10000",
		"RRULE:FREQ=DAILY;INTERVAL=-1":                    "from 1 to 999",
		"RRULE:FREQ=DAILY;UNTIL=tomorrow":                 "20261231T235959Z",
		"RRULE:FREQ=DAILY;UNTIL=20260230":                 "20261231T235959Z",
		"RRULE:FREQ=DAILY;COUNT=2;UNTIL=20260320":         "both COUNT and UNTIL",
		"RRULE:FREQ=WEEKLY;BYDAY=2MO":                     "numbered BYDAY",
		"RRULE:FREQ=DAILY;BYDAY=-1MO":                     "numbered BYDAY",
		"RRULE:FREQ=WEEKLY;BYDAY=":                        "no weekday",
		"RRULE:FREQ=WEEKLY;BYDAY=MO,,TU":                  "no weekday",
		"RRULE:FREQ=WEEKLY;BYDAY=XX":                      "no weekday",
		"RRULE:FREQ=MONTHLY;BYDAY=0MO":                    "no weekday",
		"RRULE:FREQ=MONTHLY;BYDAY=54MO":                   "no weekday",
		"RRULE:FREQ=WEEKLY;BYMONTHDAY=5":                  "BYMONTHDAY",
		"RRULE:FREQ=MONTHLY;BYMONTHDAY=32":                "from 1 to 31",
		"RRULE:FREQ=YEARLY;BYMONTH=-1":                    "1 to 12",
		"RRULE:FREQ=YEARLY;BYMONTH=13":                    "from 1 to 12",
		"RRULE:FREQ=MONTHLY;BYSETPOS=1":                   "BYSETPOS without another",
		"RRULE:FREQ=WEEKLY;WKST=XX":                       "no weekday",
		"RRULE:FREQ=DAILY;BYHOUR=9":                       "not known to calendars",
		"RRULE:":                                          "not of the form",
		"FREQ=DAILY":                                      "not of the form",
		"DTSTART:20260309T090000Z":                        "RRULE, EXDATE and RDATE are allowed",
		"EXRULE:FREQ=DAILY":                               "RRULE, EXDATE and RDATE are allowed",
		"EXDATE:never":                                    `"EXDATE:never"`,
		"EXDATE:20260316":                                 "has no RRULE",
		"RRULE:FREQ=DAILY;X-" + strings.Repeat("y", 3000): "more than 2000",
	} {
		if _, err := Parse([]string{line}); err == nil || !strings.Contains(err.Error(), says) || len(err.Error()) > 200 {
			t.Errorf("%.60s: %v, want %s", line, err, says)
		}
	}
	for name, lines := range map[string][]string{
		"none": nil, "two rules": {"RRULE:FREQ=DAILY", "RRULE:FREQ=DAILY"}, "many": slices.Repeat([]string{"EXDATE:20260316"}, 51),
	} {
		if _, err := Parse(lines); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Days without a number are every one of them, and a week begins on Monday
// unless it is said (RFC 5545, 3.3.10).
func TestDaysAndWeekAreRead(t *testing.T) {
	set, err := Parse([]string{"RRULE:FREQ=MONTHLY;BYDAY=MO,2TU,-1FR"})
	if err != nil || set.WeekStart != time.Monday || !slices.Equal(set.Days, []Day{{0, time.Monday}, {2, time.Tuesday}, {-1, time.Friday}}) {
		t.Errorf("%+v, %v", set, err)
	}
	if set, err = Parse([]string{"RRULE:FREQ=WEEKLY;WKST=SU"}); err != nil || set.WeekStart != time.Sunday {
		t.Errorf("%+v, %v", set, err)
	}
}

// A series that is cut ends before the slot at which it is, whether the rule
// counted, had an end, or had none.
func TestASeriesIsCut(t *testing.T) {
	slot := time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC) // 10:00 in Berlin, in summer
	day := time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC)
	for _, rule := range []string{"FREQ=WEEKLY", "FREQ=WEEKLY;COUNT=9", "FREQ=WEEKLY;UNTIL=20270101", "FREQ=WEEKLY;UNTIL=20270101T000000Z"} {
		for _, x := range []struct {
			name string
			cut  func(*Set)
			want string
		}{
			{"before a time", func(s *Set) { s.EndBefore(slot, false) }, "UNTIL=20260330T075959Z"},
			{"before a day", func(s *Set) { s.EndBefore(day, true) }, "UNTIL=20260329"},
			{"at a time", func(s *Set) { s.EndAt(slot, false) }, "UNTIL=20260330T080000Z"},
			{"at a day", func(s *Set) { s.EndAt(day, true) }, "UNTIL=20260330"},
		} {
			set, err := Parse([]string{"RRULE:" + rule})
			if err != nil {
				t.Fatal(err)
			}
			x.cut(&set)
			if got := set.Rule.String(); got != "FREQ=WEEKLY;"+x.want {
				t.Errorf("%s, cut %s: %s", rule, x.name, got)
			}
		}
	}
}

// When a series moves to another hour, its end and its exceptions move along;
// otherwise exceptions would come back, and the last occurrence go.
func TestEndAndExceptionsMoveAlong(t *testing.T) {
	for _, x := range []struct {
		by   time.Duration
		in   []string
		want []string
	}{
		{0, []string{"RRULE:FREQ=DAILY", "EXDATE:20260316T090000Z"}, []string{"RRULE:FREQ=DAILY", "EXDATE:20260316T090000Z"}},
		{90 * time.Minute, []string{"RRULE:FREQ=DAILY;UNTIL=20260320T090000Z"}, []string{"RRULE:FREQ=DAILY;UNTIL=20260320T103000Z"}},
		{time.Hour, []string{"RRULE:FREQ=DAILY;UNTIL=20260320"}, []string{"RRULE:FREQ=DAILY;UNTIL=20260320"}},
		{time.Hour, []string{"RRULE:FREQ=DAILY;COUNT=3"}, []string{"RRULE:FREQ=DAILY;COUNT=3"}},
		{
			-time.Hour, []string{"RRULE:FREQ=DAILY", "EXDATE;TZID=Europe/Berlin:20260316T100000,20260330T100000", "RDATE:20260317T003000Z"},
			[]string{"RRULE:FREQ=DAILY", "EXDATE;TZID=Europe/Berlin:20260316T090000,20260330T090000", "RDATE:20260316T233000Z"},
		},
		{time.Hour, []string{"EXDATE;VALUE=DATE:20260316", "RRULE:FREQ=DAILY"}, []string{"RRULE:FREQ=DAILY", "EXDATE;VALUE=DATE:20260316"}},
	} {
		set, err := Parse(x.in)
		if err != nil {
			t.Fatal(err)
		}
		set.Shift(x.by)
		if got := set.Lines(); !slices.Equal(got, x.want) {
			t.Errorf("%v by %s: %v, want %v", x.in, x.by, got, x.want)
		}
	}
}

// FuzzParse: what is taken can be written, and is read back as the same.
//
//	go test -run '^$' -fuzz '^FuzzParse$' -fuzztime 10m ./internal/calendar/rrule
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"RRULE:FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=MO,-1SU;COUNT=3", "RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=-1;UNTIL=20260101T000000\nEXDATE;TZID=X:20260101T000000", "RDATE:", "RRULE:FREQ=\xff", ":"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := Parse(strings.Split(text, "\n"))
		if err != nil {
			return
		}
		again, err := Parse(set.Lines())
		if err != nil || !slices.Equal(again.Lines(), set.Lines()) {
			t.Errorf("%q becomes %q, read as %q, %v", text, set.Lines(), again.Lines(), err)
		}
		set.Shift(time.Hour)
		if _, err := Parse(set.Lines()); err != nil {
			t.Errorf("%q moved is %q: %v", text, set.Lines(), err)
		}
	})
}
