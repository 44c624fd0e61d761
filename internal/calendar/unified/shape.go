package unified

import (
	"cmp"
	"strings"
	"time"

	"golang.org/x/net/html"

	"steno/internal/calendar"
	"steno/internal/clock"
)

// zoneOf is where a calendar is.
func zoneOf(c calendar.Connection) *time.Location {
	if loc, err := clock.Zone(c.TimeZone); err == nil {
		return loc
	}
	return time.UTC
}

// onClock is a time as the clock in a place shows it, as if that were UTC.
func onClock(t time.Time, in *time.Location) time.Time {
	l := t.In(in)
	return time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
}

// begins is the instant at which an event begins.
func begins(start time.Time, allDay bool, in *time.Location) time.Time {
	if !allDay {
		return start
	}
	return time.Date(start.Year(), start.Month(), start.Day(), 0, 0, 0, 0, in).UTC()
}

// overlaps reports whether an event lies in a window, where its calendar is.
func overlaps(w calendar.When, win calendar.Window, in *time.Location) bool {
	return begins(w.End, w.AllDay, in).After(win.Start) && begins(w.Start, w.AllDay, in).Before(win.End)
}

// ofStored is the event as it is stored.
func ofStored(x Stored, c calendar.Connection) Event {
	e := Event{
		ID: x.ProviderID, Title: x.Title, Description: x.Description, Location: x.Location, MeetingURL: x.Conference, When: x.When, Offsets: x.Offsets,
		Organizer: x.Organizer, Status: x.OwnStatus, Link: x.Details.Link, Created: x.Created, Updated: x.Updated, SeriesID: x.SeriesProviderID,
	}
	return e.of(c, x.Attendees, x.HTML)
}

// ofItem is the event as the service has it.
func ofItem(it calendar.Item, c calendar.Connection) Event {
	e := Event{
		ID: it.ID, Title: it.Title, Description: it.Description, Location: it.Location, When: it.When, Offsets: it.Offsets,
		Organizer: it.Organizer, Status: it.OwnStatus, Link: it.Link, Created: it.Created, Updated: it.Updated, SeriesID: it.SeriesID,
	}
	for _, x := range it.Candidates {
		if x.Source == calendar.FromConference {
			e.MeetingURL = x.Text
			break
		}
	}
	if it.Kind == calendar.Master && c.Platform == calendar.Google {
		e.Recurrence = it.Recurrence
	}
	return e.of(c, it.Attendees, it.HTML)
}

// of completes an event with what depends on its calendar.
func (e Event) of(c calendar.Connection, people []calendar.Person, isHTML bool) Event {
	e.CalendarID, e.Provider, e.At = c.ID, c.Platform, begins(e.When.Start, e.When.AllDay, zoneOf(c))
	if isHTML && c.Platform == calendar.Microsoft {
		e.Description = textOf(e.Description)
	}
	e.Attendees = attendees(people, e.Organizer, c.Platform)
	if e.Status == "" { // stored before its word was
		e.Status = map[calendar.Platform]string{calendar.Google: "confirmed", calendar.Microsoft: "busy"}[c.Platform]
	}
	return e
}

// attendees lists who is invited. Microsoft does not count the organizer among
// them, and the API shows people who meet: he comes first.
func attendees(people []calendar.Person, organizer calendar.Person, p calendar.Platform) []Attendee {
	out := make([]Attendee, 0, len(people)+1)
	there := organizer.Email == ""
	for _, x := range people {
		a := Attendee{Email: x.Email, Name: x.Name, Status: x.Response}
		if strings.EqualFold(x.Email, organizer.Email) {
			there = true
			a.Name = cmp.Or(a.Name, organizer.Name)
			if p == calendar.Microsoft {
				a.Status = "organizer"
			}
		}
		out = append(out, a)
	}
	if len(people) > 0 && !there {
		status := "accepted"
		if p == calendar.Microsoft {
			status = "organizer"
		}
		out = append([]Attendee{{organizer.Email, organizer.Name, status}}, out...)
	}
	return out
}

// byTime orders events by instant, then by service and id.
func byTime(a, b Event) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.ID, b.ID))
}

// textOf is what a reader of an HTML text sees.
func textOf(source string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(source))
	hidden := 0
	for {
		switch z.Next() {
		case html.ErrorToken:
			return tidy(b.String())
		case html.TextToken:
			if hidden == 0 {
				b.WriteString(strings.Join(strings.FieldsFunc(string(z.Text()), func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " "))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "style", "script", "head", "title":
				hidden++
			case "br", "p", "div", "tr", "li", "h1", "h2", "h3":
				b.WriteByte('\n')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "style", "script", "head", "title":
				hidden = max(hidden-1, 0)
			case "p", "div":
				b.WriteByte('\n')
			}
		}
	}
}

// tidy trims lines and leaves one empty one between others at most.
func tidy(text string) string {
	var out []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\u00a0", " "), "\n") {
		line = strings.TrimSpace(line)
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimSpace(strings.Join(out, "\n"))
}
