package calendar

import (
	"bytes"
	"encoding/json"
	"time"
)

// Message is a webhook event of a calendar, ready to be sent.
type Message struct {
	TeamID string
	Event  string
	Body   []byte
	At     time.Time
	// OnRequest: only for endpoints that name the event (C22).
	OnRequest bool
	// V1: for the team's address of the API v1, and for no other endpoint.
	V1 bool
}

// The events of calendars (digest 9.1).
const (
	MsgConnected      = "calendar.connection_created"
	MsgChanged        = "calendar.connection_updated"
	MsgDisconnected   = "calendar.connection_deleted"
	MsgFailed         = "calendar.connection_error"
	MsgSynced         = "calendar.events_synced"
	MsgEventCreated   = "calendar.event_created"
	MsgEventUpdated   = "calendar.event_updated"
	MsgEventCancelled = "calendar.event_cancelled"
)

func message(team, event string, at time.Time, data any) Message {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // titles and URLs stay readable
	if err := enc.Encode(struct {
		Event string `json:"event"`
		Data  any    `json:"data"`
	}{event, data}); err != nil {
		panic("calendar: payload of " + event + ": " + err.Error()) // our own structs
	}
	return Message{TeamID: team, Event: event, At: at, Body: bytes.TrimSpace(out.Bytes())}
}

type connectionData struct {
	CalendarID string           `json:"calendar_id"`
	Platform   Platform         `json:"calendar_platform"`
	Email      string           `json:"account_email"`
	Status     ConnectionStatus `json:"status"`
	CreatedAt  string           `json:"created_at"`
	UpdatedAt  string           `json:"updated_at,omitempty"`
}

func (c Connection) created(at time.Time) Message {
	return message(c.TeamID, MsgConnected, at, connectionData{c.ID, c.Platform, c.Email, c.Status, stamp(c.CreatedAt), ""})
}

func (c Connection) updated(at time.Time) Message {
	return message(c.TeamID, MsgChanged, at, connectionData{c.ID, c.Platform, c.Email, c.Status, stamp(c.CreatedAt), stamp(c.UpdatedAt)})
}

func (c Connection) deleted(at time.Time) Message {
	return message(c.TeamID, MsgDisconnected, at, struct {
		CalendarID string   `json:"calendar_id"`
		Platform   Platform `json:"calendar_platform"`
		DeletedAt  string   `json:"deleted_at"`
	}{c.ID, c.Platform, stamp(at)})
}

func (c Connection) failed(at time.Time) Message {
	m := message(c.TeamID, MsgFailed, at, struct {
		CalendarID string           `json:"calendar_id"`
		Platform   Platform         `json:"platform"`
		Error      string           `json:"error"`
		Status     ConnectionStatus `json:"status"`
	}{c.ID, c.Platform, c.StatusMessage, c.Status})
	m.OnRequest = true
	return m
}

// instance is an event in a payload. Sequence is an addition of ours: messages
// may arrive out of order, and the highest number is the latest.
type instance struct {
	EventID      string  `json:"event_id"`
	Start        string  `json:"start"`
	End          string  `json:"end"`
	Title        string  `json:"title"`
	Status       Status  `json:"status"`
	IsAllDay     bool    `json:"is_all_day"`
	IsException  bool    `json:"is_exception"`
	BotScheduled bool    `json:"bot_scheduled"`
	MeetingURL   *string `json:"meeting_url"`
	Platform     *string `json:"meeting_platform"`
	Sequence     int64   `json:"sequence"`
}

func instanceOf(e Event) instance {
	i := instance{
		EventID: e.ID, Start: stamp(e.When.Start), End: stamp(e.When.End), Title: e.Title, Status: e.Status,
		IsAllDay: e.When.AllDay, IsException: e.Exception, BotScheduled: e.BotScheduled, Sequence: e.Seq,
	}
	if e.Link.URL != "" {
		i.MeetingURL, i.Platform = &e.Link.URL, &e.Link.Platform
	}
	return i
}

type seriesData struct {
	EventType    string     `json:"event_type"`
	SeriesID     string     `json:"series_id"`
	BotScheduled bool       `json:"series_bot_scheduled"`
	Instances    []instance `json:"instances"`
}

type createdData struct {
	CalendarID string `json:"calendar_id"`
	seriesData
}

type updatedData struct {
	CalendarID   string     `json:"calendar_id"`
	EventType    string     `json:"event_type"`
	SeriesID     string     `json:"series_id"`
	BotScheduled bool       `json:"series_bot_scheduled"`
	IsException  bool       `json:"is_exception"`
	Instances    []instance `json:"affected_instances"`
}

type cancelledData struct {
	CalendarID string     `json:"calendar_id"`
	EventType  string     `json:"event_type"`
	SeriesID   string     `json:"series_id"`
	Instances  []instance `json:"cancelled_instances"`
}

// change is an event that was changed, and what is to be said of it.
type change struct {
	event Event
	tell  string // one of the MsgEvent names
}

// changeKey is what changes of one message have in common.
type changeKey struct {
	tell, series string
	exception    bool
}

// messages makes one message for all changes of a series that are of a kind.
// scheduled holds the series that a rule covers as a whole.
func messages(c Connection, scheduled map[string]bool, changes []change, at time.Time) []Message {
	groups := map[changeKey][]instance{}
	var order []changeKey
	recurring := map[string]bool{}
	for _, ch := range changes {
		k := changeKey{ch.tell, ch.event.SeriesID, ch.tell == MsgEventUpdated && ch.event.Exception}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], instanceOf(ch.event))
		recurring[k.series] = ch.event.Recurring
	}
	out := make([]Message, 0, len(order))
	for _, k := range order {
		kind, whole := eventType(recurring[k.series]), scheduled[k.series]
		var data any
		switch k.tell {
		case MsgEventCreated:
			data = createdData{c.ID, seriesData{kind, k.series, whole, groups[k]}}
		case MsgEventUpdated:
			data = updatedData{c.ID, kind, k.series, whole, k.exception, groups[k]}
		default:
			data = cancelledData{c.ID, kind, k.series, groups[k]}
		}
		out = append(out, message(c.TeamID, k.tell, at, data))
	}
	return out
}

type syncedData struct {
	CalendarID string       `json:"calendar_id"`
	Events     []seriesData `json:"events"`
}
