package v1

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar"
)

// Event is an event with its bot.
type Event struct {
	UUID             string          `json:"uuid" format:"uuid"`
	CalendarUUID     string          `json:"calendar_uuid" format:"uuid"`
	GoogleID         string          `json:"google_id" doc:"The service's id of the event, Microsoft's too."`
	Name             string          `json:"name"`
	MeetingURL       string          `json:"meeting_url" doc:"Empty: the event has none."`
	StartTime        string          `json:"start_time" format:"date-time"`
	EndTime          string          `json:"end_time" format:"date-time"`
	LastUpdatedAt    string          `json:"last_updated_at" format:"date-time"`
	IsOrganizer      bool            `json:"is_organizer" doc:"The owner of the calendar is the organizer."`
	IsRecurring      bool            `json:"is_recurring"`
	RecurringEventID *string         `json:"recurring_event_id" doc:"The service's id of the series."`
	Deleted          bool            `json:"deleted" doc:"Deleted, cancelled, or declined by the owner of the calendar."`
	Attendees        []Attendee      `json:"attendees"`
	Raw              json.RawMessage `json:"raw" doc:"The service's own object."`
	BotParam         *BotParam       `json:"bot_param" doc:"The settings of its bot; null: it has none."`
}

// Attendee is somebody who is invited.
type Attendee struct {
	Email string  `json:"email"`
	Name  *string `json:"name"`
}

func eventOf(e calendar.PlannedEvent) (Event, error) {
	out := Event{
		UUID: e.ID, CalendarUUID: e.CalendarID, GoogleID: e.ProviderID, Name: e.Title, MeetingURL: e.Event.Link.URL,
		StartTime: stamp(e.When.Start), EndTime: stamp(e.When.End), LastUpdatedAt: stamp(e.UpdatedAt), IsOrganizer: e.Organizer.Self,
		IsRecurring: e.Recurring, RecurringEventID: text(e.SeriesProviderID), Deleted: !e.Live(), Attendees: make([]Attendee, 0, len(e.Attendees)), Raw: e.Raw,
	}
	if out.Raw == nil {
		out.Raw = json.RawMessage("{}")
	}
	for _, p := range e.Attendees {
		out.Attendees = append(out.Attendees, Attendee{p.Email, text(p.Name)})
	}
	if e.Settings == nil {
		return out, nil
	}
	var r bot.Request
	if err := json.Unmarshal(e.Settings, &r); err != nil {
		return out, fmt.Errorf("read the settings of the bot of event %s: %w", e.ID, err)
	}
	p := paramOf(r)
	out.BotParam = &p
	return out, nil
}

func eventsOf(list []calendar.PlannedEvent) ([]Event, error) {
	out := make([]Event, 0, len(list))
	for _, e := range list {
		one, err := eventOf(e)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, nil
}

type listEventsInput struct {
	CalendarID     string `query:"calendar_id" required:"true" doc:"The UUID of the calendar."`
	Cursor         string `query:"cursor" doc:"next of the page before."`
	Status         string `query:"status" enum:"upcoming,past,all," doc:"upcoming: has not ended. Default: upcoming."`
	StartDateGTE   string `query:"start_date_gte" doc:"Begins at or after, as 2026-01-31T12:00:00Z; without a zone it is UTC."`
	StartDateLTE   string `query:"start_date_lte" doc:"Begins at or before."`
	UpdatedAtGTE   string `query:"updated_at_gte" doc:"Changed at or after. Shows what is deleted, too."`
	OrganizerEmail string `query:"organizer_email" doc:"The address, in any case."`
	AttendeeEmail  string `query:"attendee_email" doc:"The address of somebody who is invited, in any case."`
}

type listEventsOutput struct {
	Body struct {
		Data []Event `json:"data"`
		Next *string `json:"next" doc:"The cursor of the next page; null: there is none."`
	}
}

func (s *Surface) listEvents(ctx context.Context, c account.Caller, in *listEventsInput) (*listEventsOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	page, err := s.Calendars.PlannedEvents(ctx, c.TeamID, id, q, in.Cursor)
	if err != nil {
		return nil, err
	}
	out := &listEventsOutput{}
	out.Body.Next = text(page.Next)
	out.Body.Data, err = eventsOf(page.Items)
	return out, err
}

var phases = map[string]calendar.Phase{"": calendar.Upcoming, "upcoming": calendar.Upcoming, "past": calendar.Past, "all": ""}

// query translates. Who asks for what has changed must hear of what is gone; in
// any other list it is left out (C5).
func (in *listEventsInput) query() (q calendar.EventQuery, err error) {
	var bad []bot.Issue
	at := func(pointer, v string) time.Time {
		t, ok := timeOf(v)
		if !ok {
			bad = append(bad, bot.Issue{Pointer: pointer, Rule: "must be a time such as 2026-01-31T12:00:00Z", Value: door.Harmless(pointer, v)})
		}
		return t
	}
	address := func(pointer, v string) string {
		if len(v) > maxAddress {
			bad = append(bad, bot.Issue{Pointer: pointer, Rule: fmt.Sprintf("must have at most %d bytes", maxAddress)})
		}
		return strings.ToLower(strings.TrimSpace(v))
	}
	q = calendar.EventQuery{
		StartFrom: at("/start_date_gte", in.StartDateGTE), StartUntil: at("/start_date_lte", in.StartDateLTE), UpdatedFrom: at("/updated_at_gte", in.UpdatedAtGTE),
		Organizer: address("/organizer_email", in.OrganizerEmail), Attendee: address("/attendee_email", in.AttendeeEmail),
		Phase: phases[in.Status], Cancelled: in.UpdatedAtGTE != "",
	}
	if len(bad) > 0 {
		err = bot.Invalid(bad...)
	}
	return q, err
}

// maxAddress bounds an e-mail address that is looked for: databases bound it, too.
const maxAddress = 1000

type eventOutput struct{ Body Event }

func (s *Surface) getEvent(ctx context.Context, c account.Caller, in *UUIDInput) (*eventOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	e, err := s.Calendars.PlannedEvent(ctx, c.TeamID, id)
	if err != nil {
		return nil, err
	}
	out := &eventOutput{}
	out.Body, err = eventOf(e)
	return out, err
}

// OccasionInput names an event, or all occurrences of its series.
type OccasionInput struct {
	UUIDInput
	All bool `query:"all_occurrences" doc:"true: all occurrences of the event's series. Default: false."`
}

type eventsOutput struct{ Body []Event }

type scheduleInput struct {
	KeyInput
	OccasionInput
	Body struct {
		BotName string `json:"bot_name" minLength:"1" maxLength:"255" doc:"The name that the bot shows in the meeting."`
		BotSettings
	}
}

func (s *Surface) scheduleEvent(ctx context.Context, c account.Caller, in *scheduleInput) (*eventsOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r, err := in.Body.request(in.Body.BotName)
	if err != nil {
		return nil, err
	}
	settings, err := s.settings(ctx, c.TeamID, in.with(r))
	if err != nil {
		return nil, err
	}
	list, err := s.Calendars.ScheduleEvent(ctx, c.TeamID, id, in.All, settings)
	return affected(list, err)
}

type patchInput struct {
	KeyInput
	OccasionInput
	Body struct {
		BotName opt[string] `json:"bot_name,omitempty" required:"false"`
		BotSettings
	}
}

func (s *Surface) patchEvent(ctx context.Context, c account.Caller, in *patchInput) (*eventsOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	if err := s.checkZoom(ctx, c.TeamID, in.Body.BotSettings); err != nil {
		return nil, err
	}
	list, err := s.Calendars.ChangeEvent(ctx, c.TeamID, id, in.All, func(old []byte) ([]byte, error) {
		var r bot.Request
		if err := json.Unmarshal(old, &r); err != nil {
			return nil, err
		}
		if name := in.Body.BotName.Value; name != nil { // a bot always has a name: null is absent
			r.Name = *name
		}
		if r, err = in.Body.apply(r); err != nil {
			return nil, err
		}
		if in.Body.WebhookURL.Set {
			r = in.with(r)
		}
		if err := s.check(r); err != nil {
			return nil, err
		}
		return json.Marshal(r)
	})
	return affected(list, err)
}

func (s *Surface) unscheduleEvent(ctx context.Context, c account.Caller, in *OccasionInput) (*eventsOutput, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	list, err := s.Calendars.WithdrawEvent(ctx, c.TeamID, id, in.All)
	return affected(list, err)
}

func affected(list []calendar.PlannedEvent, err error) (*eventsOutput, error) {
	if err != nil {
		return nil, err
	}
	events, err := eventsOf(list)
	return &eventsOutput{events}, err
}
