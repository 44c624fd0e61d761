package unified

import (
	"regexp"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/fail"
)

// event is an event as the unified API shows it. Nothing is null.
type event struct {
	ID             string     `json:"id" doc:"the service's own id"`
	Provider       string     `json:"provider" enum:"google,microsoft"`
	CalendarID     string     `json:"calendarId" doc:"the connection that the event is in, as in GET /v2/calendars"`
	Title          string     `json:"title"`
	Description    string     `json:"description" doc:"as it stands at Google; as plain text from Microsoft"`
	StartTime      string     `json:"startTime" doc:"ISO 8601 with the offset that Google gave it, in UTC from Microsoft; a date for an all-day event"`
	EndTime        string     `json:"endTime" doc:"as startTime; of an all-day event the day after its last"`
	AllDay         bool       `json:"allDay"`
	Location       string     `json:"location"`
	MeetingURL     string     `json:"meetingUrl" doc:"of the service's own conference; a link in the location does not count"`
	OrganizerEmail string     `json:"organizerEmail"`
	OrganizerName  string     `json:"organizerName"`
	Attendees      []attendee `json:"attendees"`
	Status         string     `json:"status" doc:"Google's status, or Microsoft's showAs"`
	HTMLLink       string     `json:"htmlLink"`
	Created        string     `json:"created"`
	Updated        string     `json:"updated"`
	SeriesID       string     `json:"seriesId,omitempty" doc:"of an occurrence: the id of its series"`
	Recurrence     []string   `json:"recurrence,omitempty" doc:"of a series at Google: its rule"`
}

type attendee struct {
	Email  string `json:"email"`
	Name   string `json:"name"`
	Status string `json:"status" enum:"accepted,tentative,declined,needsAction,organizer"`
}

// trouble is what one calendar could not contribute.
type trouble struct {
	Provider   string `json:"provider"`
	CalendarID string `json:"calendarId"`
	Code       string `json:"code"`
	Error      string `json:"error"`
}

type invitee struct {
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
}

// draft are the fields of an event that may be written. What is absent or null
// stays as it is.
type draft struct {
	Provider     string     `json:"provider,omitempty" doc:"google or microsoft; google if it is left out"`
	Title        *string    `json:"title,omitempty"`
	Description  *string    `json:"description,omitempty"`
	StartTime    *string    `json:"startTime,omitempty" doc:"ISO 8601; a date for an all-day event"`
	EndTime      *string    `json:"endTime,omitempty" doc:"ISO 8601; of an all-day event the day after its last"`
	TimeZone     string     `json:"timeZone,omitempty" doc:"IANA zone in which a series keeps its hour, and in which times without an offset are read"`
	Location     *string    `json:"location,omitempty"`
	Attendees    *[]invitee `json:"attendees,omitempty"`
	Recurrence   []string   `json:"recurrence,omitempty" doc:"RRULE, RDATE and EXDATE lines (RFC 5545)"`
	Conferencing string     `json:"conferencing,omitempty" doc:"auto: a Meet or Teams link of the service itself"`
}

func wireEvent(e unified.Event) event {
	out := event{
		ID: e.ID, Provider: string(e.Provider), CalendarID: e.CalendarID, Title: e.Title, Description: e.Description, AllDay: e.When.AllDay,
		Location: e.Location, MeetingURL: e.MeetingURL, OrganizerEmail: e.Organizer.Email, OrganizerName: e.Organizer.Name, Status: e.Status,
		HTMLLink: e.Link, Created: stamp(e.Created), Updated: stamp(e.Updated), SeriesID: e.SeriesID, Recurrence: e.Recurrence,
		Attendees: make([]attendee, 0, len(e.Attendees)),
	}
	var from, to int
	if e.Offsets != nil {
		from, to = e.Offsets.Start, e.Offsets.End
	}
	out.StartTime, out.EndTime = point(e.When.Start, e.When.AllDay, from), point(e.When.End, e.When.AllDay, to)
	for _, a := range e.Attendees {
		out.Attendees = append(out.Attendees, attendee(a))
	}
	return out
}

// point writes a time with the offset that it had at the service.
func point(t time.Time, allDay bool, offset int) string {
	if allDay {
		return t.Format(time.DateOnly)
	}
	if offset == 0 {
		return t.UTC().Format(time.RFC3339)
	}
	return t.In(time.FixedZone("", offset)).Format(time.RFC3339)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(calendar.Stamp)
}

func wireTroubles(list []unified.Trouble) []trouble {
	var out []trouble
	for _, t := range list {
		out = append(out, trouble{string(t.Provider), t.CalendarID, t.Code, t.Message})
	}
	return out
}

// lostPlus is an offset whose plus sign has become a space on its way through a
// query, which happens to everybody once.
var lostPlus = regexp.MustCompile(`^(.*T.*) (\d\d:?\d\d)$`)

// readTime reads a time or a date.
func readTime(field, text string) (unified.Moment, error) {
	text = lostPlus.ReplaceAllString(text, "$1+$2")
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z0700"} {
		if t, err := time.Parse(layout, text); err == nil && sane(t) {
			return unified.Moment{At: t.UTC()}, nil
		}
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04"} {
		if t, err := time.Parse(layout, text); err == nil && sane(t) {
			return unified.Moment{At: t, Floating: true}, nil
		}
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil && sane(t) {
		return unified.Moment{At: t, Date: true}, nil
	}
	return unified.Moment{}, fail.New(fail.Invalid, unified.CodeValidation, "%s: must be a time in ISO 8601, such as 2026-03-21T15:00:00Z, or a date, such as 2026-03-21", field)
}

// sane keeps out years that no calendar has.
func sane(t time.Time) bool { return t.Year() >= 1900 && t.Year() < 2200 }

// readInstant is readTime for bounds of a range: dates are midnight in UTC.
func readInstant(field, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	m, err := readTime(field, text)
	return m.At, err
}

// read turns the wire's draft into the room's.
func (d draft) read() (out unified.Draft, err error) {
	out = unified.Draft{Title: d.Title, Description: d.Description, Location: d.Location, Zone: d.TimeZone, Recurrence: d.Recurrence}
	for _, f := range []struct {
		name string
		from *string
		to   **unified.Moment
	}{{"startTime", d.StartTime, &out.Start}, {"endTime", d.EndTime, &out.End}} {
		if f.from == nil {
			continue
		}
		m, err := readTime(f.name, *f.from)
		if err != nil {
			return out, err
		}
		*f.to = &m
	}
	switch d.Conferencing {
	case "", "none":
	case "auto":
		out.Conference = true
	default:
		return out, fail.New(fail.Invalid, unified.CodeValidation, "conferencing: must be auto, or be left out")
	}
	if d.Attendees != nil {
		people := make([]calendar.Person, 0, len(*d.Attendees))
		for _, a := range *d.Attendees {
			people = append(people, calendar.Person{Email: a.Email, Name: a.Name})
		}
		out.Attendees = &people
	}
	return out, nil
}

// platform is the provider that was named, or the default.
func platform(names ...string) calendar.Platform {
	for _, n := range names {
		if n != "" {
			return calendar.Platform(n)
		}
	}
	return calendar.Google
}
