package unified

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	other "github.com/emersion/go-ical"

	"steno/internal/calendar"
	"steno/internal/calendar/unified"
)

func read(t *testing.T, text string) []other.Event {
	t.Helper()
	cal, err := other.NewDecoder(strings.NewReader(text)).Decode()
	if err != nil {
		t.Fatalf("another parser: %v\n%s", err, text)
	}
	return cal.Events()
}

func TestTheFeedHoldsWhatTheCalendarHolds(t *testing.T) {
	changed := time.Date(2026, 3, 1, 9, 30, 15, 0, time.UTC)
	timed := unified.FeedEvent{UID: "a", Status: calendar.Tentative, Changed: changed, Event: unified.Event{
		Title: "Plan, review; done", Description: "one\r\ntwo\\n", Location: "Room 1", MeetingURL: "https://meet.google.com/abc-defg-hij",
		Organizer: calendar.Person{Email: "ada@example.com", Name: `Ada "the" O'Hara; Ms, x`},
		When:      calendar.When{Start: time.Date(2026, 3, 17, 14, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 17, 15, 0, 0, 0, time.UTC), Zone: "Europe/Berlin"},
	}}
	allDay := unified.FeedEvent{UID: "b", Status: calendar.Confirmed, Changed: changed, Event: unified.Event{
		When: calendar.When{Start: time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), End: time.Date(2026, 3, 30, 0, 0, 0, 0, time.UTC), AllDay: true},
	}}
	instant := unified.FeedEvent{UID: "c", Status: calendar.Confirmed, Changed: changed, Event: unified.Event{When: calendar.When{Start: changed, End: changed}}}
	text := string(iCalendar("Team\r\nEND:VCALENDAR", []unified.FeedEvent{timed, allDay, instant}))
	for _, line := range []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "UID:a@steno", "DTSTART:20260317T140000Z", "DTEND:20260317T150000Z", "DTSTAMP:20260301T093015Z", "LAST-MODIFIED:20260301T093015Z",
		"STATUS:TENTATIVE", `SUMMARY:Plan\, review\; done`, `DESCRIPTION:one\ntwo\\n`, "URL:https://meet.google.com/abc-defg-hij", `ORGANIZER;CN="Ada 'the' O'Hara; Ms, x":mailto:ada@example.com`,
		"DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260330", `X-WR-CALNAME:Team\nEND:VCALENDAR`,
	} {
		if !strings.Contains(text, "\r\n"+line+"\r\n") && !strings.HasPrefix(text, line+"\r\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
	events := read(t, text)
	if len(events) != 3 {
		t.Fatalf("%d events", len(events))
	}
	start, err := events[0].DateTimeStart(nil)
	if end, err2 := events[0].DateTimeEnd(nil); err != nil || err2 != nil || !start.Equal(timed.When.Start) || !end.Equal(timed.When.End) {
		t.Errorf("%v to %v, %v, %v", start, end, err, err2)
	}
	if events[2].Props.Get(other.PropDateTimeEnd) != nil {
		t.Error("an event of no length has an end")
	}
	if again := iCalendar("Team\r\nEND:VCALENDAR", []unified.FeedEvent{timed, allDay, instant}); string(again) != text {
		t.Error("the same events make another text")
	}
}

// Whatever stands in an event, the feed is text that another parser reads back.
func TestNoTextBreaksTheFeed(t *testing.T) {
	pieces := []string{"a", "word ", "äöü", "漢字", "👩🏼‍🎓", "\n", "\r\n", "\r", "\\", ";", ",", ":", `"`, "<b>", ">", "\x00", "\x07", "\x7f", "\u2028", "\xff\xfe", "\t",
		"BEGIN:VEVENT", "\nEND:VCALENDAR\n", "=0D=0A", strings.Repeat("x", 74), strings.Repeat("é", 40), " "}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var b strings.Builder
		for range rnd.IntN(40) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		title := b.String()
		text := string(iCalendar(title, []unified.FeedEvent{{UID: "a", Event: unified.Event{
			Title: title, Description: title, Location: title, MeetingURL: "https://x.example/" + title, Organizer: calendar.Person{Email: title + "@x", Name: title},
		}}}))
		lines := bufio.NewScanner(strings.NewReader(text))
		for lines.Scan() {
			if line := lines.Text(); len(line) > 75 || !utf8.ValidString(line) || strings.ContainsAny(line, "\x00\x07\x7f\r") {
				t.Fatalf("%q makes the line %q", title, line)
			}
		}
		if strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Fatalf("%q makes a line that does not end with CRLF", title)
		}
		events := read(t, text)
		if len(events) != 1 {
			t.Fatalf("%q makes %d events", title, len(events))
		}
		want := clean(title)
		if p := events[0].Props.Get(other.PropDescription); want != "" {
			if got, err := p.Text(); err != nil || got != want {
				t.Fatalf("%q came back as %q, %v", want, got, err)
			}
		}
	}
}

func TestHoursAndDaysAreReadAsTheyAreMeant(t *testing.T) {
	for _, tt := range []struct {
		hours, days string
		want        string // mon … sun
	}{
		{"", "", "0-1440|0-1440|0-1440|0-1440|0-1440|0-1440|0-1440"},
		{"09:00-17:00", "mon-fri", "540-1020|540-1020|540-1020|540-1020|540-1020||"},
		{"9:00-12:00, 13:00-24:00", "Mon , sat", "540-720 780-1440|||||540-720 780-1440|"},
		{"mon-thu 09:00-17:00,fri 09:00-13:00", "", "540-1020|540-1020|540-1020|540-1020|540-780||"},
		{"", "sat-mon", "0-1440|||||0-1440|0-1440"},
		{"09:00", "", "x"}, {"17:00-09:00", "", "x"}, {"09:00-09:00", "", "x"}, {"09:00-24:01", "", "x"}, {"09:60-17:00", "", "x"}, {"a-b", "", "x"},
		{"09:00-17:00,16:00-18:00", "", "x"}, {"", "monday", "x"}, {"", "mon-", "x"}, {",", "", "x"}, {"mon tue 09:00-17:00", "", "x"}, {"-1:00-17:00", "", "x"},
	} {
		working, err := readWorking(tt.hours, tt.days)
		got := "x"
		if err == nil {
			var days []string
			for i := range 7 {
				var list []string
				for _, h := range working[time.Weekday((i+1)%7)] {
					list = append(list, fmt.Sprintf("%d-%d", h.From, h.To))
				}
				days = append(days, strings.Join(list, " "))
			}
			got = strings.Join(days, "|")
		}
		if got != tt.want {
			t.Errorf("%q on %q: got %s, want %s", tt.hours, tt.days, got, tt.want)
		}
	}
}
