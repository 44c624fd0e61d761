// Package calendar is the room of calendars: connections, series, events, the
// engine that keeps them equal to what Google and Microsoft have, and the rules
// that put bots on meetings.
//
// It knows no SQL and no HTTP. Services are called through Provider, and never
// inside of a transaction.
package calendar

import (
	"encoding/json"
	"time"
)

// ConnectionStatus says whether a connection works (digest 5.2).
type ConnectionStatus string

// The statuses of connections.
const (
	Active   ConnectionStatus = "active"
	Failing  ConnectionStatus = "error" // may recover
	Dead     ConnectionStatus = "revoked"
	NoAccess ConnectionStatus = "permission_denied"
)

// ConnectionStatuses lists them.
var ConnectionStatuses = []ConnectionStatus{Active, Failing, Dead, NoAccess}

// SyncStatus is how the last sync ended; empty before the first.
type SyncStatus string

// The ends of a sync.
const (
	SyncSuccess SyncStatus = "success"
	SyncFailed  SyncStatus = "failed"
	SyncPartial SyncStatus = "partial" // some series could not be read
)

// Connection is a calendar that a team has connected.
type Connection struct {
	ID            string
	TeamID        string
	Platform      Platform
	RawID         string // the service's id of the calendar
	Email         string // of the account
	Name          string
	TimeZone      string
	Metadata      json.RawMessage // nil: none
	Status        ConnectionStatus
	StatusMessage string
	SyncedAt      *time.Time
	SyncStatus    SyncStatus
	SyncError     string
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time // hidden; its rows are being removed

	// Preferred: new events of the team go here, if they name no calendar.
	Preferred bool

	Sync  SyncState
	Watch WatchState
}

// SyncState is what the engine remembers of a connection.
type SyncState struct {
	Cursor Cursor
	// Window is what is materialised: it was read as a whole at the last full
	// round or roll.
	Window     Window
	Reach      time.Time // read at least so far ahead; zero: as far as usual
	Announced  bool      // calendar.events_synced was sent
	Generation int64     // of the present or last sync; rows carry the one that saw them
	FullWanted bool
	RollAt     time.Time // when the window is moved on
	// StaleAt is when something was written at the service that the stored events
	// may not show; nil: they show all that Steno has written.
	StaleAt *time.Time

	// At is when the next sync is due: at once after a push, or as a poll. Nil:
	// never, until the credentials change.
	At        *time.Time
	QueuedAt  *time.Time // a job is on its way
	By        string     // who syncs now; empty: nobody
	Until     time.Time  // how long By may be silent
	StartedAt time.Time
	Failures  int // in a row
}

// WatchState is what is known of a connection's push channel.
type WatchState struct {
	ChannelID  string // empty: none
	ProviderID string
	Expires    *time.Time
	// RenewAt is when the channel is to be renewed or tried again; nil: never.
	RenewAt  *time.Time
	Failures int
}

// PushChannel is a channel as the receiver of pushes knows it.
type PushChannel struct {
	ID         string
	TeamID     string
	CalendarID string
	ProviderID string
	SecretHash string // SHA-256, hex
	Live       bool   // false: being opened, or superseded
	CreatedAt  time.Time
}

// Series is what events belong to. A one-off event is a series of one.
type Series struct {
	ID         string
	TeamID     string
	CalendarID string
	ProviderID string // of the master, or of the one-off event
	Recurring  bool
	UID        string
	Lineage    string // equal for a series and what it was split into; empty: unknown
	Fields     Fields // of the master; zero for one-offs
	Hash       string // of Fields
	// BotScheduled: a rule covers all occurrences.
	BotScheduled bool
	Generation   int64
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    *time.Time
}

// Type returns the API's word for what the series is.
func (s Series) Type() string { return eventType(s.Recurring) }

func eventType(recurring bool) string {
	if recurring {
		return "recurring"
	}
	return "one_off"
}

// Link is a meeting that was found in an event.
type Link struct {
	URL      string
	Platform string
	Key      string // the meeting, however its URL is written
}

// Event is one occurrence.
type Event struct {
	ID         string
	TeamID     string
	CalendarID string
	SeriesID   string
	Recurring  bool
	ProviderID string
	Slot       time.Time // where it stands in its series; zero if unknown
	Title      string
	When       When
	// Status is what the API shows: Cancelled also for what the owner declined.
	Status     Status
	Declined   bool
	NotMeeting bool
	Exception  bool
	Link       Link
	// Seq grows by one with each message about the event; 0: none was sent.
	Seq          int64
	Hash         string // of what the API and the rules see
	RawHash      string // of everything
	Generation   int64
	BotScheduled bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
	DeletedAt    *time.Time // gone at the service
}

// Live reports whether the event takes place.
func (e Event) Live() bool { return e.Status != Cancelled && e.DeletedAt == nil }

// Type returns the API's word for what the event is.
func (e Event) Type() string { return eventType(e.Recurring) }

// Details are the parts of an event that lists do not show.
type Details struct {
	Description string   `json:"description,omitempty"`
	Location    string   `json:"location,omitempty"`
	Organizer   Person   `json:"organizer"`
	Attendees   []Person `json:"attendees,omitempty"`
	Link        string   `json:"link,omitempty"`
	HTML        bool     `json:"html,omitempty"` // Description is HTML
	// Conference is the URL of the service's own field for online meetings.
	Conference string `json:"conference,omitempty"`
	// OwnStatus, Offsets, Created and Updated are those of Fields.
	OwnStatus string    `json:"own_status,omitempty"`
	Offsets   *Offsets  `json:"offsets,omitempty"`
	Created   time.Time `json:"created,omitzero"`
	Updated   time.Time `json:"updated,omitzero"`
	// Raw is the service's own object, kept apart.
	Raw json.RawMessage `json:"-"`
}

// FullEvent is an event with its details.
type FullEvent struct {
	Event
	Details
	Platform        Platform
	SeriesScheduled bool
}

// Codes of this room's errors (digest 1.5).
const (
	CodeNotFound       = "FST_ERR_CALENDAR_NOT_FOUND_BY_ID"
	CodeEventNotFound  = "FST_ERR_EVENT_NOT_FOUND_BY_ID"
	CodeSeriesNotFound = "FST_ERR_SERIES_NOT_FOUND_BY_ID"
	CodeBotNotFound    = "FST_ERR_CALENDAR_BOT_NOT_FOUND"
	CodeLockWindow     = "FST_ERR_BOT_LOCK_WINDOW"
	CodeBotStatus      = "FST_ERR_BOT_STATUS"
	CodeExists         = "FST_ERR_CALENDAR_ALREADY_EXISTS"
	CodeLimit          = "FST_ERR_CALENDAR_LIMIT_REACHED"
	CodeOAuth          = "FST_ERR_CALENDAR_OAUTH_REFRESH_FAILED"
	CodeDenied         = "FST_ERR_CALENDAR_PERMISSION_DENIED"
	CodeLicense        = "FST_ERR_MICROSOFT_LICENSE_REQUIRED"
	CodeRawNotFound    = "FST_ERR_RAW_CALENDAR_NOT_FOUND"
	CodeProvider       = "FST_ERR_CALENDAR_PROVIDER_UNAVAILABLE"
	CodeValidation     = "FST_ERR_VALIDATION"
)
