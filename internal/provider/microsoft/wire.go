package microsoft

import (
	"encoding/json"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/zone"
)

// opt is a property that may be absent, null or there. Rows of a delta leave
// out what they do not say, and real mailboxes have null where the
// documentation promises a value (trap 20).
type opt[T any] struct {
	there bool // also if null
	v     T
}

// UnmarshalJSON implements json.Unmarshaler. A value of another type than
// documented counts as null: one odd event must not stop a calendar.
func (o *opt[T]) UnmarshalJSON(b []byte) error {
	o.there = true
	var v T
	if json.Unmarshal(b, &v) == nil {
		o.v = v
	}
	return nil
}

type event struct {
	Type      string          `json:"type"`
	ID        string          `json:"id"`
	Removed   json.RawMessage `json:"@removed"`
	MasterID  opt[string]     `json:"seriesMasterId"`
	Start     opt[dateTime]   `json:"start"`
	End       opt[dateTime]   `json:"end"`
	Original  opt[string]     `json:"originalStart"`
	StartZone opt[string]     `json:"originalStartTimeZone"`

	Subject     opt[string]     `json:"subject"`
	Body        opt[itemBody]   `json:"body"`
	UID         opt[string]     `json:"iCalUId"`
	AllDay      opt[bool]       `json:"isAllDay"`
	Cancelled   opt[bool]       `json:"isCancelled"`
	IsOrganizer opt[bool]       `json:"isOrganizer"`
	Response    opt[response]   `json:"responseStatus"`
	ShowAs      opt[string]     `json:"showAs"`
	Sensitivity opt[string]     `json:"sensitivity"`
	Organizer   opt[recipient]  `json:"organizer"`
	Attendees   opt[[]attendee] `json:"attendees"`
	Location    opt[location]   `json:"location"`
	Locations   opt[[]location] `json:"locations"`
	Online      opt[online]     `json:"onlineMeeting"`
	OnlineURL   opt[string]     `json:"onlineMeetingUrl"`
	IsOnline    opt[bool]       `json:"isOnlineMeeting"`
	Recurrence  json.RawMessage `json:"recurrence"`
	Link        opt[string]     `json:"webLink"`
	Created     opt[string]     `json:"createdDateTime"`
	Updated     opt[string]     `json:"lastModifiedDateTime"`
	Transaction opt[string]     `json:"transactionId"`
}

type dateTime struct {
	DateTime string `json:"dateTime"`
	TimeZone string `json:"timeZone"`
}

// at reads a time. The zone that stands there counts, also where another was
// asked for (trap 67).
func (d dateTime) at() (t time.Time, guessed bool) {
	if t, err := time.Parse(time.RFC3339Nano, d.DateTime); err == nil {
		return t.UTC(), false
	}
	z := zone.Resolve(d.TimeZone)
	t, _ = time.ParseInLocation("2006-01-02T15:04:05.999999999", d.DateTime, z.Loc)
	return t.UTC(), z.Guessed
}

type itemBody struct {
	Type    string `json:"contentType"`
	Content string `json:"content"`
}

type response struct {
	Response string `json:"response"`
}

type recipient struct {
	Address address `json:"emailAddress"`
}

type address struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
}

type attendee struct {
	Type    string   `json:"type"`
	Status  response `json:"status"`
	Address address  `json:"emailAddress"`
}

type location struct {
	Name string `json:"displayName"`
	URI  string `json:"locationUri"`
}

type online struct {
	JoinURL string `json:"joinUrl"`
}

// answerOf translates an answer to an invitation.
func answerOf(r string) string {
	switch r {
	case "accepted", "organizer":
		return "accepted"
	case "declined":
		return "declined"
	case "tentativelyAccepted":
		return "tentative"
	}
	return "needsAction"
}

// row is an event with what it was read from.
type row struct {
	event
	raw json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler. A row that is no event at all
// becomes one without an id, which nobody looks at.
func (r *row) UnmarshalJSON(b []byte) error {
	r.raw = append(json.RawMessage(nil), b...)
	if json.Unmarshal(b, &r.event) != nil {
		r.event = event{}
	}
	return nil
}

func (r row) removed() bool { return len(r.Removed) > 0 && string(r.Removed) != "null" }

// bare: an occurrence as a delta shows it, without any fields of its own.
func (r row) bare() bool {
	return r.Type == "occurrence" && !r.Subject.there && !r.AllDay.there && !r.Organizer.there
}

// whenOf reads start and end.
func (r row) when() calendar.When {
	return whenOf(r.Start.v, r.End.v, r.AllDay.v, r.StartZone.v)
}
