package microsoft

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// writable checks that a calendar may be written to.
func (c *call) writable(cal *truth.Calendar) (service.Reply, bool) {
	if cal.Role == "owner" || cal.Role == "writer" {
		return service.Reply{}, true
	}
	return c.s.failure(http.StatusForbidden, "ErrorAccessDenied", "Access is denied. Check credentials and try again."), false
}

func createEvent(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	if reply, ok := c.writable(cal); !ok {
		return reply
	}
	fields, reply, ok := c.fields()
	if !ok {
		return reply
	}
	var token string
	if raw := fields["transactionId"]; raw != nil && json.Unmarshal(raw, &token) != nil {
		return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation: transactionId")
	}
	if token != "" {
		if id := cal.Lookup(func(it *truth.Item) bool { return it.Token == token && !it.Deleted }); id != "" {
			return c.show(cal, id, "", http.StatusCreated)
		}
	}
	e := truth.Event{Content: truth.Content{Zone: cal.Zone, Organizer: cal.Owner}, Token: token}
	if reply, ok := c.apply(fields, &e.Content); !ok {
		return reply
	}
	if e.Start.IsZero() || e.End.IsZero() {
		return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation: Start and End are required.")
	}
	if raw := fields["recurrence"]; raw != nil && string(raw) != "null" {
		var r recurrence
		err := json.Unmarshal(raw, &r)
		if err == nil {
			e.Rule, err = parseRecurrence(&r, &e.Content)
		}
		if err != nil {
			return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", "recurrence: "+err.Error())
		}
	}
	id, err := cal.Add(e)
	if err != nil {
		return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", err.Error())
	}
	return c.show(cal, id, "", http.StatusCreated)
}

func (c *call) fields() (map[string]json.RawMessage, service.Reply, bool) {
	var fields map[string]json.RawMessage
	if err := service.ReadJSON(c.r, &fields); err != nil {
		return nil, c.s.failure(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format."), false
	}
	return fields, service.Reply{}, true
}

func updateEvent(c *call) service.Reply {
	cal, item, slot, reply, ok := c.find()
	if !ok {
		return reply
	}
	if reply, ok := c.writable(cal); !ok {
		return reply
	}
	fields, reply, ok := c.fields()
	if !ok {
		return reply
	}
	if match := c.r.Header.Get("If-Match"); match != "" && match != "*" && match != c.etag(cal, item, slot) {
		return c.s.failure(http.StatusPreconditionFailed, "ErrorIrresolvableConflict", "The send or update operation could not be performed because the change key passed in the request does not match the current change key for the item.")
	}
	var content truth.Content
	cal.Get(item, func(it *truth.Item) {
		content = *it.Content
		if o, ok := it.At(cal.Owner.Email, slot); slot != "" && ok {
			content = *o.Content
			content.Start, content.End = o.Start, o.End
		}
	})
	content.Attendees = slices.Clone(content.Attendees)
	extra := content.Extra
	content.Extra = map[string]any{}
	for k, v := range extra {
		content.Extra[k] = v
	}
	if reply, ok := c.apply(fields, &content); !ok {
		return reply
	}
	if err := c.put(cal, item, slot, content, fields["recurrence"]); err != nil {
		return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", err.Error())
	}
	return c.show(cal, item, slot, http.StatusOK)
}

func (c *call) put(cal *truth.Calendar, item, slot string, content truth.Content, raw json.RawMessage) error {
	set := func(x *truth.Content) { *x = content }
	if slot != "" {
		return cal.EditSlot(item, slot, set)
	}
	if raw == nil {
		return cal.Edit(item, set)
	}
	var r recurrence
	if err := json.Unmarshal(raw, &r); err != nil {
		return err
	}
	rule, err := parseRecurrence(&r, &content)
	if err != nil {
		return err
	}
	return cal.EditSeries(item, func(x *truth.Content, old *truth.Rule) { *x, *old = content, *rule })
}

func (c *call) etag(cal *truth.Calendar, item, slot string) (tag string) {
	cal.Get(item, func(it *truth.Item) {
		tag = etag(it.Rev)
		if x := it.Exceptions[slot]; x != nil {
			tag = etag(x.Rev)
		}
	})
	return tag
}

// ignored fields are the service's own.
var ignored = []string{"id", "transactionId", "recurrence", "type", "seriesMasterId", "iCalUId", "uid", "createdDateTime", "lastModifiedDateTime", "changeKey",
	"organizer", "isOrganizer", "isCancelled", "responseStatus", "webLink", "onlineMeeting", "onlineMeetingUrl", "originalStart", "originalStartTimeZone",
	"originalEndTimeZone", "bodyPreview", "hasAttachments", "onlineMeetingProvider"}

// apply reads the fields of a body.
func (c *call) apply(fields map[string]json.RawMessage, x *truth.Content) (service.Reply, bool) {
	if x.Extra == nil {
		x.Extra = map[string]any{}
	}
	var names []string
	for name := range fields {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { // isAllDay before start and end
		if first := "isAllDay"; a != b && (a == first || b == first) {
			return map[bool]int{true: -1, false: 1}[a == first]
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		if err := c.field(name, fields[name], x); err != nil {
			return c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation: "+name+": "+err.Error()), false
		}
	}
	if x.End.Before(x.Start) {
		return c.s.failure(http.StatusBadRequest, "ErrorCalendarEndDateIsEarlierThanStartDate", "Start time must be before or the same as the end time."), false
	}
	if len(x.Extra) == 0 {
		x.Extra = nil
	}
	return service.Reply{}, true
}

func (c *call) field(name string, raw json.RawMessage, x *truth.Content) error {
	var s string
	switch name {
	case "subject":
		x.Title = ""
		return json.Unmarshal(raw, &x.Title)
	case "body":
		var b body
		err := json.Unmarshal(raw, &b)
		x.Body, x.HTML = b.Content, strings.EqualFold(b.ContentType, "html")
		return err
	case "location":
		var p place
		err := json.Unmarshal(raw, &p)
		x.Location = p.DisplayName
		return err
	case "isAllDay":
		return json.Unmarshal(raw, &x.AllDay)
	case "start":
		return setTime(raw, x, &x.Start)
	case "end":
		return setTime(raw, x, &x.End)
	case "showAs":
		err := json.Unmarshal(raw, &s)
		x.Free, x.Unsure = s == "free", s == "tentative"
		return err
	case "sensitivity":
		err := json.Unmarshal(raw, &s)
		x.Private = s == "private" || s == "confidential"
		return err
	case "isOnlineMeeting":
		var on bool
		err := json.Unmarshal(raw, &on)
		if on && x.MeetingURL == "" {
			x.MeetingURL, x.MeetingKind = c.s.meeting(), "teamsForBusiness"
		}
		return err // it cannot be set back
	case "attendees":
		return setAttendees(raw, x)
	}
	if slices.Contains(ignored, name) || strings.HasPrefix(name, "@") {
		return nil
	}
	var v any
	err := json.Unmarshal(raw, &v)
	x.Extra[name] = v
	return err
}

// meeting makes a Teams link.
func (s *Server) meeting() string {
	return "https://teams.microsoft.com/l/meetup-join/19%3ameeting_" + s.Random(service.Letters, 48) +
		"%40thread.v2/0?context=%7b%22Tid%22%3a%22" + Tenant + "%22%2c%22Oid%22%3a%22" + s.Random("0123456789abcdef", 32) + "%22%7d"
}

func setTime(raw json.RawMessage, x *truth.Content, into *time.Time) error {
	var d dateTime
	if err := json.Unmarshal(raw, &d); err != nil {
		return err
	}
	zone, err := ianaName(d.TimeZone)
	if err != nil {
		return err
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	text, _, _ := strings.Cut(d.DateTime, ".")
	t, err := time.ParseInLocation("2006-01-02T15:04:05", text, loc)
	if err != nil {
		return err
	}
	x.Zone = zone
	if x.AllDay {
		if t.Hour() != 0 || t.Minute() != 0 {
			return fmt.Errorf("an all-day event starts and ends at midnight")
		}
		*into = time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
		return nil
	}
	*into = t.UTC()
	return nil
}

func setAttendees(raw json.RawMessage, x *truth.Content) error {
	var list []attendee
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	old := *x
	x.Attendees = nil
	for _, a := range list {
		p := truth.Person{Email: a.EmailAddress.Address, Name: a.EmailAddress.Name}
		if p.Email == "" {
			return fmt.Errorf("an attendee has no address")
		}
		x.Attendees = append(x.Attendees, truth.Attendee{Person: p, Response: old.ResponseOf(p.Email), Optional: a.Type == "optional"})
	}
	return nil
}

func deleteEvent(c *call) service.Reply {
	cal, item, slot, reply, ok := c.find()
	if !ok {
		return reply
	}
	if reply, ok := c.writable(cal); !ok {
		return reply
	}
	return c.remove(cal, item, slot, http.StatusNoContent)
}

func (c *call) remove(cal *truth.Calendar, item, slot string, code int) service.Reply {
	var err error
	if slot == "" {
		err = cal.Delete(item)
	} else {
		err = cal.CancelSlot(item, slot)
	}
	if err != nil {
		return c.s.notFound()
	}
	return service.Reply{Status: code}
}

// organises tells that the owner of the calendar organises the event.
func organises(cal *truth.Calendar, item string) (mine bool) {
	cal.Get(item, func(it *truth.Item) { mine = it.Content.Organizer.Email == cal.Owner.Email })
	return mine
}

func cancelEvent(c *call) service.Reply {
	cal, item, slot, reply, ok := c.find()
	if !ok {
		return reply
	}
	if !organises(cal, item) {
		return c.s.invalid("Your request can't be completed. You need to be an organizer to cancel a meeting.")
	}
	return c.remove(cal, item, slot, http.StatusAccepted)
}

func respond(r truth.Response) handler {
	return func(c *call) service.Reply {
		cal, item, slot, reply, ok := c.find()
		if !ok {
			return reply
		}
		if organises(cal, item) {
			return c.s.invalid("Your request can't be completed. You can't respond to this meeting because you're the meeting organizer.")
		}
		var err error
		if slot == "" {
			err = cal.Respond(item, r)
		} else {
			err = cal.RespondSlot(item, slot, r)
		}
		if err != nil {
			return c.s.notFound()
		}
		return service.Reply{Status: http.StatusAccepted}
	}
}
