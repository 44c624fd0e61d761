package google

import (
	"context"
	"strings"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
)

// conference must stand on every write, or Google drops the conference of the
// event without a word (trap 15).
const conference = 1

// Create implements calendar.Writer. The event's id is made of RequestID: hex
// digits are among the letters that Google allows (a to v, 0 to 9), and a second
// insert with it is refused as a duplicate instead of making a second event.
func (a *account) Create(ctx context.Context, id string, c calendar.Change) (calendar.Item, error) {
	return a.insert(ctx, id, &api.Event{}, c)
}

// insert makes an event of what e says and c says on top.
func (a *account) insert(ctx context.Context, id string, e *api.Event, c calendar.Change) (calendar.Item, error) {
	s := a.spec("create event")
	e.Id = clientID(c.RequestID)
	s.Once = e.Id == ""
	apply(e, c)
	if c.Attendees != nil {
		e.Attendees = attendeesOf(*c.Attendees, nil)
	}
	if c.Conference {
		e.ConferenceData = meetOf(c)
	}
	var got *api.Event
	var body []byte
	s.Keep = &body
	err := a.do(ctx, s, func(ctx context.Context) (err error) {
		got, err = a.api.Events.Insert(id, e).ConferenceDataVersion(conference).SupportsAttachments(true).
			SendUpdates(sendUpdates(c)).Context(ctx).Do()
		return err
	})
	if x := calendar.AsError(err); x != nil && x.Reason == "duplicate" && e.Id != "" {
		return a.Event(ctx, id, e.Id) // an earlier try went through
	}
	if err != nil {
		return calendar.Item{}, err
	}
	return written(got, body), nil
}

// written is the item that a write returned.
func written(e *api.Event, body []byte) calendar.Item {
	it := itemOf(e, "")
	it.Raw = body
	return it
}

// clientID is RequestID without its hyphens, if that is an id that Google takes.
func clientID(request string) string {
	id := strings.ToLower(strings.ReplaceAll(request, "-", ""))
	if len(id) < 5 || len(id) > 1024 || strings.Trim(id, "0123456789abcdefghijklmnopqrstuv") != "" {
		return ""
	}
	return id
}

// Patch implements calendar.Writer. A patch replaces lists as a whole, so the
// attendees are merged into those that stand there: what they answered stays.
func (a *account) Patch(ctx context.Context, id, event string, c calendar.Change) (calendar.Item, error) {
	s := a.spec("change event")
	for again := true; ; again = false {
		e := &api.Event{}
		apply(e, c)
		etag := ""
		if c.Attendees != nil {
			old, err := a.get(ctx, s, id, event)
			if err != nil {
				return calendar.Item{}, err
			}
			e.Attendees, etag = attendeesOf(*c.Attendees, old.Attendees), old.Etag
			if len(e.Attendees) == 0 {
				e.ForceSendFields = append(e.ForceSendFields, "Attendees")
			}
		}
		if c.Conference {
			e.ConferenceData = meetOf(c)
		}
		got, body, err := a.patch(ctx, id, event, e, etag, c)
		if x := calendar.AsError(err); x != nil && x.Reason == "conditionNotMet" && again {
			continue // somebody changed it in between: look again
		}
		if err != nil {
			return calendar.Item{}, gone(err)
		}
		return written(got, body), nil
	}
}

func (a *account) patch(ctx context.Context, id, event string, e *api.Event, etag string, c calendar.Change) (got *api.Event, body []byte, err error) {
	s := a.spec("change event")
	if event == "" {
		return nil, nil, notFound(s.Op)
	}
	s.Keep = &body
	err = a.do(ctx, s, func(ctx context.Context) (err error) {
		q := a.api.Events.Patch(id, event, e).ConferenceDataVersion(conference).SupportsAttachments(true).SendUpdates(sendUpdates(c))
		if etag != "" {
			q.Header().Set("If-Match", etag)
		}
		got, err = q.Context(ctx).Do()
		return err
	})
	return got, body, err
}

// Delete implements calendar.Writer.
func (a *account) Delete(ctx context.Context, id, event string) error {
	if event == "" {
		return nil
	}
	err := a.do(ctx, a.spec("delete event"), func(ctx context.Context) error {
		return a.api.Events.Delete(id, event).SendUpdates("all").Context(ctx).Do()
	})
	if calendar.IsKind(gone(err), calendar.NotFound) {
		return nil
	}
	return err
}

// apply sets the plain fields.
func apply(e *api.Event, c calendar.Change) {
	text := func(field string, to *string, from *string) {
		if from == nil {
			return
		}
		*to = *from
		if *from == "" {
			e.ForceSendFields = append(e.ForceSendFields, field)
		}
	}
	text("Summary", &e.Summary, c.Title)
	text("Description", &e.Description, c.Description)
	text("Location", &e.Location, c.Location)
	if c.When != nil {
		e.Start, e.End = pointFor(c.When.Start, *c.When), pointFor(c.When.End, *c.When)
	}
	if c.Recurrence != nil {
		e.Recurrence = c.Recurrence
	}
}

// pointFor writes a time. The other form is cleared, or a patch that turns a
// timed event into an all-day one would leave both.
func pointFor(t time.Time, w calendar.When) *api.EventDateTime {
	if w.AllDay {
		return &api.EventDateTime{Date: t.UTC().Format(time.DateOnly), NullFields: []string{"DateTime", "TimeZone"}}
	}
	name := w.Zone
	if name == "" {
		name = "UTC"
	}
	return &api.EventDateTime{DateTime: t.UTC().Format(time.RFC3339), TimeZone: name, NullFields: []string{"Date"}}
}

// attendeesOf keeps of those who stand there already all that Google knows.
func attendeesOf(people []calendar.Person, old []*api.EventAttendee) []*api.EventAttendee {
	known := map[string]*api.EventAttendee{}
	for _, a := range old {
		if a != nil {
			known[strings.ToLower(a.Email)] = a
		}
	}
	out := make([]*api.EventAttendee, 0, len(people))
	for _, p := range people {
		a, ok := known[strings.ToLower(p.Email)]
		if !ok {
			a = &api.EventAttendee{Email: p.Email, ResponseStatus: p.Response}
		}
		if p.Name != "" {
			a.DisplayName = p.Name
		}
		out = append(out, a)
	}
	return out
}

// meetOf asks for a Meet conference; a repeated request id makes no second one.
func meetOf(c calendar.Change) *api.ConferenceData {
	return &api.ConferenceData{CreateRequest: &api.CreateConferenceRequest{
		RequestId: c.RequestID, ConferenceSolutionKey: &api.ConferenceSolutionKey{Type: "hangoutsMeet"},
	}}
}

func sendUpdates(c calendar.Change) string {
	if c.Notify {
		return "all"
	}
	return "none"
}
