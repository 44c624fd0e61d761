package unified

import (
	"context"

	"steno/internal/account"
	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/fail"
)

type listInput struct {
	Start      string `query:"start" doc:"ISO 8601; now if it is left out"`
	End        string `query:"end" doc:"ISO 8601; 30 days from now, or from start if that is later"`
	MaxResults int    `query:"maxResults" default:"50" doc:"for each provider, 1 to 250"`
}

type listOutput struct {
	Body struct {
		Success bool      `json:"success"`
		Events  []event   `json:"events"`
		Count   int       `json:"count"`
		Errors  []trouble `json:"errors,omitempty" doc:"calendars that could not contribute, or not all"`
	}
}

func (s *Surface) listEvents(ctx context.Context, c account.Caller, in *listInput) (*listOutput, error) {
	var q unified.Query
	var err error
	if q.Start, err = readInstant("start", in.Start); err != nil {
		return nil, err
	}
	if q.End, err = readInstant("end", in.End); err != nil {
		return nil, err
	}
	if q.Max = in.MaxResults; q.Max == 0 {
		q.Max = -1 // the room's zero is the default
	}
	list, err := s.Calendar.Events(ctx, c.TeamID, q)
	if err != nil {
		return nil, err
	}
	var out listOutput
	out.Body.Success, out.Body.Count, out.Body.Errors = true, len(list.Events), wireTroubles(list.Troubles)
	out.Body.Events = make([]event, 0, len(list.Events))
	for _, e := range list.Events {
		out.Body.Events = append(out.Body.Events, wireEvent(e))
	}
	return &out, nil
}

type eventOutput struct {
	Body struct {
		Success bool  `json:"success"`
		Event   event `json:"event"`
	}
}

func showEvent(e unified.Event, err error) (*eventOutput, error) {
	if err != nil {
		return nil, err
	}
	var out eventOutput
	out.Body.Success, out.Body.Event = true, wireEvent(e)
	return &out, nil
}

type getInput struct {
	ID       string `path:"id" doc:"the service's own id"`
	Provider string `query:"provider" doc:"google or microsoft; google if it is left out"`
}

func (s *Surface) getEvent(ctx context.Context, c account.Caller, in *getInput) (*eventOutput, error) {
	return showEvent(s.Calendar.Event(ctx, c.TeamID, platform(in.Provider), in.ID))
}

type createInput struct {
	Key  string `header:"Idempotency-Key" doc:"makes a repetition of this request harmless for 24 hours"`
	Body struct {
		draft
		CalendarID string `json:"calendarId,omitempty" doc:"the connection to create it in; the preferred or oldest one of the provider if it is left out"`
	}
}

func (s *Surface) createEvent(ctx context.Context, c account.Caller, in *createInput) (*eventOutput, error) {
	d, err := in.Body.read()
	if err != nil {
		return nil, err
	}
	return showEvent(s.Calendar.Create(ctx, c.TeamID, in.Key, unified.NewEvent{Provider: platform(in.Body.Provider), CalendarID: in.Body.CalendarID, Draft: d}))
}

type updateInput struct {
	Key      string `header:"Idempotency-Key" doc:"makes a repetition of this request harmless for 24 hours"`
	ID       string `path:"id" doc:"the service's own id"`
	Provider string `query:"provider" doc:"if the body names none"`
	Scope    string `query:"scope" doc:"of a series: this, following or all"`
	Body     struct {
		draft
		Scope string `json:"scope,omitempty" doc:"of a series: this, following or all; this for an occurrence if it is left out"`
	}
}

func (s *Surface) updateEvent(ctx context.Context, c account.Caller, in *updateInput) (*eventOutput, error) {
	d, err := in.Body.read()
	if err != nil {
		return nil, err
	}
	scope := in.Body.Scope
	if scope == "" {
		scope = in.Scope
	}
	return showEvent(s.Calendar.Update(ctx, c.TeamID, in.Key, platform(in.Body.Provider, in.Provider), in.ID, unified.Scope(scope), d))
}

type deleteInput struct {
	Key      string `header:"Idempotency-Key" doc:"a repetition of this request within 24 hours gets the same answer"`
	ID       string `path:"id" doc:"the service's own id"`
	Provider string `query:"provider" doc:"google or microsoft; google if it is left out"`
	Scope    string `query:"scope" doc:"of a series: this, following or all; this for an occurrence if it is left out"`
}

type messageOutput struct {
	Body struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
}

func said(text string) *messageOutput {
	var out messageOutput
	out.Body.Success, out.Body.Message = true, text
	return &out
}

func (s *Surface) deleteEvent(ctx context.Context, c account.Caller, in *deleteInput) (*messageOutput, error) {
	if err := s.Calendar.Delete(ctx, c.TeamID, in.Key, platform(in.Provider), in.ID, unified.Scope(in.Scope)); err != nil {
		return nil, err
	}
	return said("Event deleted"), nil
}

type busySpan struct {
	Start    string `json:"start"`
	End      string `json:"end"`
	Provider string `json:"provider"`
}

type availabilityInput struct {
	Start   string `query:"start" doc:"ISO 8601; required"`
	End     string `query:"end" doc:"ISO 8601; required"`
	Partial bool   `query:"partial" doc:"take what there is if a provider fails"`
}

type availabilityOutput struct {
	Body struct {
		Success bool       `json:"success"`
		Busy    []busySpan `json:"busy"`
		Errors  []trouble  `json:"errors,omitempty" doc:"calendars that could not be asked"`
	}
}

func (s *Surface) availability(ctx context.Context, c account.Caller, in *availabilityInput) (*availabilityOutput, error) {
	w, err := readWindow(in.Start, in.End)
	if err != nil {
		return nil, err
	}
	a, err := s.Calendar.Availability(ctx, c.TeamID, w, in.Partial)
	if err != nil {
		return nil, err
	}
	var out availabilityOutput
	out.Body.Success, out.Body.Busy, out.Body.Errors = true, make([]busySpan, 0, len(a.Busy)), wireTroubles(a.Troubles)
	for _, b := range a.Busy {
		out.Body.Busy = append(out.Body.Busy, busySpan{point(b.Start, false, 0), point(b.End, false, 0), string(b.Provider)})
	}
	return &out, nil
}

// readWindow reads a range of which both ends are required.
func readWindow(start, end string) (w calendar.Window, err error) {
	for _, f := range []struct{ name, text string }{{"start", start}, {"end", end}} {
		if f.text == "" {
			return w, fail.New(fail.Invalid, unified.CodeValidation, "%s: is required, in ISO 8601, such as 2026-03-20T09:00:00Z", f.name)
		}
	}
	if w.Start, err = readInstant("start", start); err != nil {
		return w, err
	}
	w.End, err = readInstant("end", end)
	return w, err
}

type preferInput struct {
	ID string `path:"calendarId"`
}

func (s *Surface) preferCalendar(ctx context.Context, c account.Caller, in *preferInput) (*messageOutput, error) {
	if err := s.Calendar.Prefer(ctx, c.TeamID, in.ID); err != nil {
		return nil, err
	}
	return said("New events of this provider go to this calendar"), nil
}
