package google

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// draft is an event on its way from a request body into the calendar.
type draft struct {
	c          *call
	cal        *truth.Calendar
	whole      bool // PUT
	conference bool // conferenceDataVersion=1
	instance   bool // one occurrence
	wasSeries  bool

	content truth.Content
	id, uid string
	rule    *truth.Rule
	skip    []time.Time
	lines   []string // recurrence, if sent
	sent    struct{ start, end, zone bool }
}

// readOnly fields are ignored, as the API does.
var readOnly = []string{"kind", "etag", "htmlLink", "created", "updated", "creator", "organizer", "hangoutLink", "recurringEventId",
	"originalStartTime", "sequence", "status", "locked", "privateCopy", "endTimeUnspecified"}

// apply reads the fields of a body.
func (d *draft) apply(body map[string]json.RawMessage) (service.Reply, bool) {
	x := &d.content
	if x.Extra == nil {
		x.Extra = map[string]any{}
	}
	names := make([]string, 0, len(body))
	for name := range body {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		raw := body[name]
		var err error
		switch name {
		case "id":
			err = json.Unmarshal(raw, &d.id)
		case "iCalUID":
			err = json.Unmarshal(raw, &d.uid)
		case "summary":
			err = text(raw, &x.Title)
		case "description":
			err = text(raw, &x.Body)
		case "location":
			err = text(raw, &x.Location)
		case "start":
			err = d.time(raw, &x.Start, &d.sent.start)
		case "end":
			err = d.time(raw, &x.End, &d.sent.end)
		case "recurrence":
			err = json.Unmarshal(raw, &d.lines)
			if d.lines == nil {
				d.lines = []string{}
			}
		case "attendees":
			err = d.attendees(raw)
		case "transparency", "visibility":
			var s string
			err = text(raw, &s)
			if name == "transparency" {
				x.Free = s == "transparent"
			} else {
				x.Private = s == "private" || s == "confidential"
			}
		case "conferenceData":
			err = d.meeting(raw)
		case "extendedProperties":
			x.Extra[name], err = properties(raw)
		default:
			if !slices.Contains(readOnly, name) {
				err = d.other(name, raw)
			}
		}
		if err != nil {
			return parameter(http.StatusBadRequest, "global", "invalid", fmt.Sprintf("Invalid value for: %s: %v", name, err), name), false
		}
	}
	return service.Reply{}, true
}

func (d *draft) other(name string, raw json.RawMessage) error {
	if string(raw) == "null" {
		delete(d.content.Extra, name)
		return nil
	}
	var v any
	err := json.Unmarshal(raw, &v)
	d.content.Extra[name] = v
	return err
}

func text(raw json.RawMessage, into *string) error {
	*into = "" // null clears
	return json.Unmarshal(raw, into)
}

func (d *draft) time(raw json.RawMessage, into *time.Time, sent *bool) error {
	var t eventTime
	if err := json.Unmarshal(raw, &t); err != nil {
		return err
	}
	*sent = true
	if t.Date != "" {
		at, err := time.Parse("2006-01-02", t.Date)
		*into, d.content.AllDay = at, true
		return err
	}
	d.content.AllDay = false
	loc := d.cal.Location()
	if t.TimeZone != "" {
		var err error
		if loc, err = loadZone(t.TimeZone); err != nil {
			return err
		}
		d.content.Zone, d.sent.zone = t.TimeZone, true
	}
	at, err := time.Parse(time.RFC3339, t.DateTime)
	if err != nil {
		at, err = time.ParseInLocation("2006-01-02T15:04:05", t.DateTime, loc)
	}
	*into = at.UTC().Truncate(time.Second)
	return err
}

func loadZone(name string) (*time.Location, error) { return time.LoadLocation(name) }

func (d *draft) attendees(raw json.RawMessage) error {
	var list []attendee
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	d.content.Attendees = nil
	for _, a := range list {
		if a.Email == "" {
			return fmt.Errorf("missing attendee email")
		}
		r := truth.Response(a.ResponseStatus)
		if r == "" {
			r = truth.NeedsAction
		}
		d.content.Attendees = append(d.content.Attendees, truth.Attendee{Person: truth.Person{Email: a.Email, Name: a.DisplayName}, Response: r, Optional: a.Optional})
	}
	return nil
}

// meeting reads conference data; without conferenceDataVersion=1 it is
// ignored.
func (d *draft) meeting(raw json.RawMessage) error {
	if !d.conference {
		return nil
	}
	d.content.MeetingURL, d.content.MeetingKind = "", ""
	if string(raw) == "null" {
		return nil
	}
	var conf struct {
		CreateRequest *struct {
			RequestID             string `json:"requestId"`
			ConferenceSolutionKey struct {
				Type string `json:"type"`
			} `json:"conferenceSolutionKey"`
		} `json:"createRequest"`
		EntryPoints        []entryPoint `json:"entryPoints"`
		ConferenceSolution *solution    `json:"conferenceSolution"`
	}
	if err := json.Unmarshal(raw, &conf); err != nil {
		return err
	}
	for _, p := range conf.EntryPoints {
		if p.EntryPointType == "video" {
			d.content.MeetingURL, d.content.MeetingKind = p.URI, "addOn"
			if conf.ConferenceSolution != nil {
				d.content.MeetingKind = conf.ConferenceSolution.Key.Type
			}
		}
	}
	if r := conf.CreateRequest; r != nil && d.content.MeetingURL == "" {
		if r.RequestID == "" || r.ConferenceSolutionKey.Type != "hangoutsMeet" {
			return fmt.Errorf("invalid conference type value")
		}
		code := d.c.s.Random("abcdefghijklmnopqrstuvwxyz", 10)
		d.content.MeetingURL, d.content.MeetingKind = "https://meet.google.com/"+code[:3]+"-"+code[3:7]+"-"+code[7:], "hangoutsMeet"
	}
	return nil
}

// properties keeps what the API keeps: longer keys are dropped, longer values
// cut.
func properties(raw json.RawMessage) (any, error) {
	var sets map[string]map[string]string
	if err := json.Unmarshal(raw, &sets); err != nil {
		return nil, err
	}
	for _, set := range sets {
		for k, v := range set {
			if len(k) > 44 {
				delete(set, k)
			} else if len(v) > 1024 {
				set[k] = v[:1024]
			}
		}
	}
	return sets, nil
}

// complete checks the draft as a whole.
func (d *draft) complete() (service.Reply, bool) {
	x := &d.content
	required := func(message, name string) (service.Reply, bool) {
		return parameter(http.StatusBadRequest, "global", "required", message, name), false
	}
	switch {
	case x.Start.IsZero():
		return required("Missing start time.", "start")
	case x.End.IsZero():
		return required("Missing end time.", "end")
	case d.sent.start && d.sent.end && !x.End.After(x.Start), x.End.Before(x.Start):
		return failure(http.StatusBadRequest, "calendar", "timeRangeEmpty", "The specified time range is empty."), false
	}
	if len(x.Extra) == 0 {
		x.Extra = nil
	}
	if d.whole && !d.conference {
		x.MeetingURL, x.MeetingKind = "", ""
	}
	if d.lines == nil || d.instance {
		return service.Reply{}, true
	}
	if len(d.lines) == 0 {
		return failure(http.StatusBadRequest, "global", "invalid", "The fake does not make a single event of a series."), d.rule == nil
	}
	if !x.AllDay && !d.sent.zone && !d.wasSeries {
		return required("Missing time zone definition for start time.", "start.timeZone")
	}
	rule, skip, err := parseRecurrence(d.lines, x.Zone, x.AllDay)
	if err != nil || rule == nil {
		return parameter(http.StatusBadRequest, "global", "invalid", fmt.Sprintf("Invalid recurrence rule: %v", err), "recurrence"), false
	}
	d.rule, d.skip = rule, skip
	return service.Reply{}, true
}
