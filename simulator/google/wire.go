package google

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"steno/simulator/truth"
)

type eventTime struct {
	DateTime string `json:"dateTime,omitempty"`
	Date     string `json:"date,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

type person struct {
	Email       string `json:"email,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Self        bool   `json:"self,omitempty"`
}

type attendee struct {
	Email          string `json:"email,omitempty"`
	DisplayName    string `json:"displayName,omitempty"`
	Organizer      bool   `json:"organizer,omitempty"`
	Self           bool   `json:"self,omitempty"`
	Optional       bool   `json:"optional,omitempty"`
	ResponseStatus string `json:"responseStatus,omitempty"`
}

type entryPoint struct {
	EntryPointType string `json:"entryPointType"`
	URI            string `json:"uri"`
	Label          string `json:"label,omitempty"`
}

type conference struct {
	CreateRequest      any          `json:"createRequest,omitempty"`
	EntryPoints        []entryPoint `json:"entryPoints,omitempty"`
	ConferenceSolution *solution    `json:"conferenceSolution,omitempty"`
	ConferenceID       string       `json:"conferenceId,omitempty"`
}

type solution struct {
	Key struct {
		Type string `json:"type"`
	} `json:"key"`
	Name string `json:"name,omitempty"`
}

// event is the resource of the API. Rows that are cancelled have only the
// fields that the API guarantees.
type event struct {
	Kind              string         `json:"kind"`
	ETag              string         `json:"etag"`
	ID                string         `json:"id"`
	Status            string         `json:"status"`
	HTMLLink          string         `json:"htmlLink,omitempty"`
	Created           string         `json:"created,omitempty"`
	Updated           string         `json:"updated,omitempty"`
	Summary           string         `json:"summary,omitempty"`
	Description       string         `json:"description,omitempty"`
	Location          string         `json:"location,omitempty"`
	Creator           *person        `json:"creator,omitempty"`
	Organizer         *person        `json:"organizer,omitempty"`
	Start             *eventTime     `json:"start,omitempty"`
	End               *eventTime     `json:"end,omitempty"`
	Recurrence        []string       `json:"recurrence,omitempty"`
	RecurringEventID  string         `json:"recurringEventId,omitempty"`
	OriginalStartTime *eventTime     `json:"originalStartTime,omitempty"`
	Transparency      string         `json:"transparency,omitempty"`
	Visibility        string         `json:"visibility,omitempty"`
	ICalUID           string         `json:"iCalUID,omitempty"`
	Sequence          *int           `json:"sequence,omitempty"`
	Attendees         []attendee     `json:"attendees,omitempty"`
	HangoutLink       string         `json:"hangoutLink,omitempty"`
	ConferenceData    *conference    `json:"conferenceData,omitempty"`
	Reminders         map[string]any `json:"reminders,omitempty"`
	EventType         string         `json:"eventType,omitempty"`

	extra map[string]any
}

// MarshalJSON lays what a client wrote beyond the known fields over them.
func (e *event) MarshalJSON() ([]byte, error) {
	if len(e.extra) == 0 {
		return json.Marshal((*plainEvent)(e))
	}
	data, err := json.Marshal((*plainEvent)(e))
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	maps.Copy(all, e.extra)
	return json.Marshal(all)
}

// plainEvent is an event without a MarshalJSON, which costs as much again: the
// encoder reads over what such a method returns.
type plainEvent event

func (l *eventList) add(e ...*event) {
	for _, e := range e {
		if len(e.extra) == 0 {
			l.Items = append(l.Items, (*plainEvent)(e))
		} else {
			l.Items = append(l.Items, e)
		}
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func etag(rev int64) string { return fmt.Sprintf("%q", fmt.Sprint(3000000000000000+rev*2)) }

// wireTime writes a time in the zone of the answer, with the event's own zone
// beside it.
func wireTime(t time.Time, allDay bool, zone string, in *time.Location) *eventTime {
	if allDay {
		return &eventTime{Date: t.Format("2006-01-02")}
	}
	return &eventTime{DateTime: t.In(in).Format(time.RFC3339), TimeZone: zone}
}

// view is how a list shows a calendar.
type view struct {
	cal *truth.Calendar
	in  *time.Location
}

// item writes a single event or the master of a series.
func (v view) item(it *truth.Item) *event {
	if it.Deleted {
		return &event{Kind: "calendar#event", ETag: etag(it.Rev), ID: it.ID, Status: "cancelled"}
	}
	e := v.content(it, it.Content, it.Rev, it.Updated)
	e.ID = it.ID
	e.Start, e.End = v.times(it.Content.Start, it.Content.End, it.Content)
	if it.Rule != nil {
		e.Recurrence = formatRecurrence(it)
	}
	return e
}

func (v view) times(start, end time.Time, c *truth.Content) (*eventTime, *eventTime) {
	return wireTime(start, c.AllDay, c.Zone, v.in), wireTime(end, c.AllDay, c.Zone, v.in)
}

// occurrence writes an occurrence of a series, or a single event.
func (v view) occurrence(o truth.Occurrence) *event {
	if o.Slot == "" {
		return v.item(o.Item)
	}
	rev, updated := o.Item.Rev, o.Item.Updated
	if x := o.Item.Exceptions[o.Slot]; x != nil {
		rev, updated = x.Rev, x.Updated
	}
	if o.Cancelled {
		return v.skeleton(o.Item, o.Slot, o.Original, rev)
	}
	e := v.content(o.Item, o.Content, rev, updated)
	e.ID = instanceID(o.ItemID, o.Slot)
	e.RecurringEventID = o.ItemID
	e.OriginalStartTime = v.original(o.Original, o.Slot, o.Item)
	e.Start, e.End = v.times(o.Start, o.End, o.Content)
	return e
}

func (v view) original(t time.Time, slot string, it *truth.Item) *eventTime {
	return wireTime(t, len(slot) == len("20060102"), it.Content.Zone, v.in)
}

// skeleton is all that the API says of a cancelled exception.
func (v view) skeleton(it *truth.Item, slot string, original time.Time, rev int64) *event {
	return &event{Kind: "calendar#event", ETag: etag(rev), ID: instanceID(it.ID, slot), Status: "cancelled", RecurringEventID: it.ID,
		OriginalStartTime: v.original(original, slot, it)}
}

// exception writes an exception as singleEvents=false lists do.
func (v view) exception(it *truth.Item, x *truth.Exception) *event {
	if x.Cancelled {
		return v.skeleton(it, x.Slot, x.Original, x.Rev)
	}
	o, _ := it.At(v.cal.Owner.Email, x.Slot)
	return v.occurrence(o)
}

var zero int

func (v view) content(it *truth.Item, c *truth.Content, rev int64, updated time.Time) *event {
	e := &event{Kind: "calendar#event", ETag: etag(rev), Status: "confirmed", HTMLLink: "https://www.google.com/calendar/event?eid=" + it.ID,
		Created: stamp(it.Created), Updated: stamp(updated), Summary: c.Title, Description: c.Body, Location: c.Location, ICalUID: it.UID,
		Creator: v.person(c.Organizer), Organizer: v.person(c.Organizer), Sequence: &zero, Reminders: reminders, EventType: "default", extra: c.Extra}
	if c.Unsure {
		e.Status = "tentative"
	}
	if c.Free {
		e.Transparency = "transparent"
	}
	if c.Private {
		e.Visibility = "private"
	}
	for _, a := range c.Attendees {
		e.Attendees = append(e.Attendees, attendee{Email: a.Email, DisplayName: a.Name, Organizer: a.Email == c.Organizer.Email,
			Self: a.Email == v.cal.Owner.Email, Optional: a.Optional, ResponseStatus: string(a.Response)})
	}
	if c.MeetingURL != "" {
		e.ConferenceData = conferenceOf(c)
		if c.MeetingKind == "hangoutsMeet" {
			e.HangoutLink = c.MeetingURL
		}
	}
	return e
}

var reminders = map[string]any{"useDefault": true}

func (v view) person(p truth.Person) *person {
	return &person{Email: p.Email, DisplayName: p.Name, Self: p.Email == v.cal.Owner.Email}
}

func conferenceOf(c *truth.Content) *conference {
	s := &solution{Name: "Google Meet"}
	s.Key.Type = c.MeetingKind
	if c.MeetingKind != "hangoutsMeet" {
		// Zoom and Teams come through add-ons.
		s.Key.Type, s.Name = "addOn", "Meeting"
	}
	_, label, _ := strings.Cut(c.MeetingURL, "://")
	return &conference{ConferenceSolution: s, ConferenceID: label[strings.LastIndexByte(label, '/')+1:],
		EntryPoints: []entryPoint{{"video", c.MeetingURL, label}}}
}
