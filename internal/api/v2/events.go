package v2

import (
	"context"
	"encoding/json"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar"
)

type listEventsInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Limit      int    `query:"limit" minimum:"1" maximum:"250" default:"20" doc:"A page never holds more than 100."`
	Cursor     string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
	StartDate  string `query:"start_date" doc:"Begins at or after, as 2026-01-31T12:00:00Z."`
	EndDate    string `query:"end_date" doc:"Ends at or before, as 2026-01-31T12:00:00Z."`
	Status     string `query:"status" doc:"confirmed, cancelled, tentative, with commas."`
	CancelledInput
	StartAfter  string `query:"start_after" doc:"Another name of start_date."`
	StartBefore string `query:"start_before" doc:"Begins before, as 2026-01-31T12:00:00Z."`
}

// CancelledInput is one switch under its two names. What is cancelled is hidden
// unless one of them asks for it (C5).
type CancelledInput struct {
	ShowCancelled  string `query:"show_cancelled" enum:"true,false," doc:"Also show what is cancelled. Default: false."`
	IncludeDeleted string `query:"include_deleted" enum:"true,false," doc:"Another name of show_cancelled."`
}

func (c CancelledInput) wanted() bool { return c.ShowCancelled == "true" || c.IncludeDeleted == "true" }

type listEventsOutput struct {
	Body struct {
		Success    bool          `json:"success"`
		Data       []listedEvent `json:"data"`
		Cursor     *string       `json:"cursor"`
		PrevCursor *string       `json:"prev_cursor"`
	}
}

type listedEvent struct {
	SeriesID  string `json:"series_id" format:"uuid"`
	EventType string `json:"event_type" enum:"one_off,recurring"`
	SeriesEvent
}

// SeriesEvent is an event inside of its series.
type SeriesEvent struct {
	EventID         string  `json:"event_id" format:"uuid"`
	Title           string  `json:"title"`
	StartTime       string  `json:"start_time" format:"date-time"`
	EndTime         string  `json:"end_time" format:"date-time"`
	Status          string  `json:"status" enum:"confirmed,cancelled,tentative"`
	IsException     bool    `json:"is_exception"`
	MeetingURL      *string `json:"meeting_url" format:"uri"`
	MeetingPlatform *string `json:"meeting_platform"`
	CalendarID      string  `json:"calendar_id" format:"uuid"`
	BotScheduled    bool    `json:"bot_scheduled"`
	CreatedAt       string  `json:"created_at" format:"date-time"`
}

func seriesEventOf(e calendar.Event) SeriesEvent {
	return SeriesEvent{
		EventID: e.ID, Title: e.Title, StartTime: stamp(e.When.Start), EndTime: stamp(e.When.End), Status: string(e.Status), IsException: e.Exception,
		MeetingURL: text(e.Link.URL), MeetingPlatform: text(e.Link.Platform), CalendarID: e.CalendarID, BotScheduled: e.BotScheduled, CreatedAt: stamp(e.CreatedAt),
	}
}

func (s *Surface) listEvents(ctx context.Context, c account.Caller, in *listEventsInput) (*listEventsOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	p := filterParser{now: s.Clock.Now()}
	q := calendar.EventQuery{
		StartFrom: p.time("/start_date", in.StartDate), EndUntil: p.time("/end_date", in.EndDate), StartBefore: p.time("/start_before", in.StartBefore),
		Statuses:  choices(&p, "/status", in.Status, calendar.Confirmed, calendar.Cancelled, calendar.Tentative),
		Cancelled: in.wanted(),
	}
	if after := p.time("/start_after", in.StartAfter); after.After(q.StartFrom) {
		q.StartFrom = after
	}
	if len(p.issues) > 0 {
		return nil, bot.Invalid(p.issues...)
	}
	page, err := s.Calendars.Events(ctx, c.TeamID, id, q, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &listEventsOutput{}
	out.Body.Success, out.Body.Data = true, make([]listedEvent, 0, len(page.Items))
	for _, e := range page.Items {
		out.Body.Data = append(out.Body.Data, listedEvent{SeriesID: e.SeriesID, EventType: e.Type(), SeriesEvent: seriesEventOf(e)})
	}
	out.Body.Cursor, out.Body.PrevCursor = text(page.Next), text(page.Prev)
	return out, nil
}

type listSeriesInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	Limit      int    `query:"limit" minimum:"1" maximum:"250" default:"20" doc:"A page never holds more than 100."`
	Cursor     string `query:"cursor" doc:"cursor or prev_cursor of the page before."`
	EventType  string `query:"event_type" doc:"one_off, recurring, with commas."`
	CancelledInput
}

type listSeriesOutput struct {
	Body struct {
		Success    bool           `json:"success"`
		Data       []listedSeries `json:"data"`
		Cursor     *string        `json:"cursor"`
		PrevCursor *string        `json:"prev_cursor"`
	}
}

type listedSeries struct {
	SeriesID   string        `json:"series_id" format:"uuid"`
	EventType  string        `json:"event_type" enum:"one_off,recurring"`
	CalendarID string        `json:"calendar_id" format:"uuid"`
	CreatedAt  string        `json:"created_at" format:"date-time"`
	Events     []SeriesEvent `json:"events"`
	// SeriesBotScheduled is named by the older reference only (C25).
	SeriesBotScheduled bool `json:"series_bot_scheduled"`
}

func (s *Surface) listSeries(ctx context.Context, c account.Caller, in *listSeriesInput) (*listSeriesOutput, error) {
	id, err := door.ID("/calendar_id", in.CalendarID)
	if err != nil {
		return nil, err
	}
	p := filterParser{now: s.Clock.Now()}
	q := calendar.SeriesQuery{Types: choices(&p, "/event_type", in.EventType, "one_off", "recurring"), Cancelled: in.wanted()}
	if len(p.issues) > 0 {
		return nil, bot.Invalid(p.issues...)
	}
	page, err := s.Calendars.Series(ctx, c.TeamID, id, q, in.Limit, value(in.Cursor))
	if err != nil {
		return nil, err
	}
	out := &listSeriesOutput{}
	out.Body.Success, out.Body.Data = true, make([]listedSeries, 0, len(page.Items))
	for _, r := range page.Items {
		l := listedSeries{
			SeriesID: r.ID, EventType: r.Type(), CalendarID: r.CalendarID, CreatedAt: stamp(r.CreatedAt),
			Events: make([]SeriesEvent, 0, len(r.Events)), SeriesBotScheduled: r.BotScheduled,
		}
		for _, e := range r.Events {
			l.Events = append(l.Events, seriesEventOf(e))
		}
		out.Body.Data = append(out.Body.Data, l)
	}
	out.Body.Cursor, out.Body.PrevCursor = text(page.Next), text(page.Prev)
	return out, nil
}

type eventInput struct {
	CalendarID string `path:"calendar_id" doc:"The id of the calendar, a UUID."`
	EventID    string `path:"event_id" doc:"The id of the event, a UUID."`
}

func (e eventInput) ids() (cal, event string, err error) {
	if cal, err = door.ID("/calendar_id", e.CalendarID); err != nil {
		return "", "", err
	}
	event, err = door.ID("/event_id", e.EventID)
	return cal, event, err
}

type getEventOutput struct {
	Body struct {
		Success bool         `json:"success"`
		Data    eventDetails `json:"data"`
	}
}

// eventDetails has every field at every time; null stands for nothing.
type eventDetails struct {
	EventID          string          `json:"event_id" format:"uuid"`
	SeriesID         string          `json:"series_id" format:"uuid"`
	EventType        string          `json:"event_type"`
	Title            string          `json:"title"`
	Description      *string         `json:"description"`
	Location         *string         `json:"location"`
	StartTime        string          `json:"start_time" format:"date-time"`
	EndTime          string          `json:"end_time" format:"date-time"`
	Timezone         *string         `json:"timezone"`
	IsAllDay         bool            `json:"is_all_day"`
	Status           string          `json:"status"`
	OrganizerEmail   *string         `json:"organizer_email"`
	OrganizerName    *string         `json:"organizer_name"`
	Attendees        []attendee      `json:"attendees" nullable:"true"`
	MeetingURL       *string         `json:"meeting_url" format:"uri"`
	MeetingPlatform  *string         `json:"meeting_platform"`
	CalendarID       string          `json:"calendar_id" format:"uuid"`
	CalendarPlatform string          `json:"calendar_platform"`
	BotScheduled     bool            `json:"bot_scheduled"`
	RawPayload       json.RawMessage `json:"raw_payload"`
	CreatedAt        string          `json:"created_at" format:"date-time"`
	UpdatedAt        string          `json:"updated_at" format:"date-time"`
	// The last two are named by the older reference only (C25).
	SeriesBotScheduled bool    `json:"series_bot_scheduled"`
	DeletedAt          *string `json:"deleted_at" format:"date-time"`
}

type attendee struct {
	Email          string  `json:"email"`
	Name           *string `json:"name"`
	ResponseStatus string  `json:"response_status" enum:"accepted,declined,tentative,needsAction"`
	Organizer      bool    `json:"organizer,omitempty"`
	Self           bool    `json:"self,omitempty"`
}

func (s *Surface) getEvent(ctx context.Context, c account.Caller, in *eventInput) (*getEventOutput, error) {
	cal, id, err := in.ids()
	if err != nil {
		return nil, err
	}
	e, err := s.Calendars.Event(ctx, c.TeamID, cal, id)
	if err != nil {
		return nil, err
	}
	out := &getEventOutput{}
	out.Body.Success, out.Body.Data = true, eventDetailsOf(e)
	return out, nil
}

func eventDetailsOf(e calendar.FullEvent) eventDetails {
	d := eventDetails{
		EventID: e.ID, SeriesID: e.SeriesID, EventType: e.Type(), Title: e.Title, Description: text(e.Description), Location: text(e.Location),
		StartTime: stamp(e.When.Start), EndTime: stamp(e.When.End), IsAllDay: e.When.AllDay, Status: string(e.Status),
		OrganizerEmail: text(e.Organizer.Email), OrganizerName: text(e.Organizer.Name), MeetingURL: text(e.Event.Link.URL), MeetingPlatform: text(e.Event.Link.Platform),
		CalendarID: e.CalendarID, CalendarPlatform: string(e.Platform), BotScheduled: e.BotScheduled, RawPayload: orNull(e.Raw),
		CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.UpdatedAt), SeriesBotScheduled: e.SeriesScheduled, DeletedAt: maybeStamp(e.DeletedAt),
	}
	if !e.When.AllDay {
		d.Timezone = text(e.When.Zone)
	}
	for _, p := range e.Attendees {
		status := p.Response
		if status == "" {
			status = "needsAction"
		}
		d.Attendees = append(d.Attendees, attendee{Email: p.Email, Name: text(p.Name), ResponseStatus: status, Organizer: p.Organizer, Self: p.Self})
	}
	return d
}

type listDecisionsOutput struct {
	Body struct {
		Success bool       `json:"success"`
		Data    []decision `json:"data"`
	}
}

// decision is an addition of ours: a line of the story of an event's bot.
type decision struct {
	At     string  `json:"at" format:"date-time"`
	Status string  `json:"status" enum:"waiting,scheduled,completed,cancelled,failed" doc:"What became of the event's bot."`
	Reason string  `json:"reason" doc:"Why."`
	BotID  *string `json:"bot_id" format:"uuid"`
	JoinAt *string `json:"join_at" format:"date-time"`
}

func (s *Surface) listDecisions(ctx context.Context, c account.Caller, in *eventInput) (*listDecisionsOutput, error) {
	cal, id, err := in.ids()
	if err != nil {
		return nil, err
	}
	story, err := s.Calendars.Decisions(ctx, c.TeamID, cal, id)
	if err != nil {
		return nil, err
	}
	out := &listDecisionsOutput{}
	out.Body.Success, out.Body.Data = true, make([]decision, 0, len(story))
	for _, d := range story {
		line := decision{At: stamp(d.At), Status: string(d.State), Reason: string(d.Reason), BotID: text(d.BotID)}
		if !d.JoinAt.IsZero() {
			line.JoinAt = maybeStamp(&d.JoinAt)
		}
		out.Body.Data = append(out.Body.Data, line)
	}
	return out, nil
}
