package unified

import (
	"bytes"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"steno/internal/calendar"
	"steno/internal/calendar/unified"
)

// The libraries that write iCalendar either do not fold lines, or end them as
// Unix does and quote parameters as the format does not allow. What is needed of
// it is small.

// iCalendar writes events as RFC 5545 says. The same events make the same text.
// Times are in UTC, so that no zone has to be described.
func iCalendar(name string, events []unified.FeedEvent) []byte {
	var w lines
	w.add("BEGIN", "VCALENDAR")
	w.add("VERSION", "2.0")
	w.add("PRODID", "-//Steno//Unified calendar//EN")
	w.add("METHOD", "PUBLISH")
	w.text("X-WR-CALNAME", name)
	w.add("REFRESH-INTERVAL;VALUE=DURATION", "PT15M") // RFC 7986
	w.add("X-PUBLISHED-TTL", "PT15M")
	for _, e := range events {
		w.event(e)
	}
	w.add("END", "VCALENDAR")
	return w.Bytes()
}

const (
	utc  = "20060102T150405Z"
	date = "20060102"
)

// lines are content lines (3.1).
type lines struct{ bytes.Buffer }

func (w *lines) event(e unified.FeedEvent) {
	w.add("BEGIN", "VEVENT")
	w.add("UID", e.UID+"@steno")
	w.add("DTSTAMP", e.Changed.UTC().Format(utc))
	w.add("LAST-MODIFIED", e.Changed.UTC().Format(utc))
	w.when("DTSTART", e.When.Start, e.When.AllDay)
	if e.When.End.After(e.When.Start) { // else it has none (3.8.2.2)
		w.when("DTEND", e.When.End, e.When.AllDay)
	}
	if e.Status == calendar.Tentative {
		w.add("STATUS", "TENTATIVE")
	} else {
		w.add("STATUS", "CONFIRMED")
	}
	w.text("SUMMARY", e.Title)
	w.text("DESCRIPTION", e.Description)
	w.text("LOCATION", e.Location)
	w.uri("URL", e.MeetingURL)
	if e.Organizer.Email != "" {
		property := "ORGANIZER"
		if name := parameter(e.Organizer.Name); name != "" {
			property += `;CN="` + name + `"`
		}
		w.uri(property, "mailto:"+e.Organizer.Email)
	}
	w.add("END", "VEVENT")
}

func (w *lines) when(property string, t time.Time, allDay bool) {
	if allDay {
		w.add(property+";VALUE=DATE", t.Format(date))
		return
	}
	w.add(property, t.UTC().Format(utc))
}

var escape = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)

// text adds a text, if there is one (3.3.11).
func (w *lines) text(property, text string) {
	if text = clean(text); text != "" {
		w.add(property, escape.Replace(text))
	}
}

// uri adds a URI, if it is one: as such it has nothing in it that ends a line.
func (w *lines) uri(property, text string) {
	if u, err := url.Parse(text); err == nil && u.Scheme != "" && clean(text) == text && !strings.ContainsFunc(text, unicode.IsSpace) {
		w.add(property, u.String())
	}
}

// maxLine is how many bytes a line has at most, its end not counted.
const maxLine = 75

// add adds a line, folded between characters.
func (w *lines) add(property, value string) {
	line := property + ":" + value
	for len(line) > maxLine {
		cut := maxLine
		for !utf8.RuneStart(line[cut]) {
			cut--
		}
		w.WriteString(line[:cut] + "\r\n")
		line = " " + line[cut:]
	}
	w.WriteString(line + "\r\n")
}

var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n")

// clean takes out what no text may hold; all line breaks become the same.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if (r < ' ' && r != '\n' && r != '\t') || r == 0x7f {
			return -1
		}
		return r
	}, breaks.Replace(strings.ToValidUTF8(text, "\uFFFD")))
}

// parameter is a text between quotes, which may hold none itself (3.2).
func parameter(text string) string {
	return strings.TrimSpace(strings.NewReplacer(`"`, "'", "\n", " ").Replace(clean(text)))
}
