package calendar

import (
	"context"
	"encoding/json"
	"time"
)

// Platform names a calendar service, as in the API field calendar_platform.
type Platform string

// The platforms.
const (
	Google    Platform = "google"
	Microsoft Platform = "microsoft"
)

// Provider is one calendar service. It is safe for concurrent use; its limits
// (per customer application, then per mailbox) hold over all accounts that it
// has opened.
type Provider interface {
	Platform() Platform
	// Traits says in what the service differs, where the engine has to know.
	Traits() Traits
	// Account returns the service as the holder of the connection's credentials
	// sees it. It makes no call. The connection is an id that tokens knows.
	Account(connection string, tokens TokenStore) Account
}

// Traits of a service.
type Traits struct {
	// RoundExpands: a round yields the occurrences of series within the window
	// (Graph's calendarView/delta). If not, it yields masters, and occurrences
	// are asked for (Google with singleEvents=false).
	RoundExpands bool
	// CursorFixesWindow: a cursor belongs to the window of its full round, so
	// that another window needs another full round (Graph).
	CursorFixesWindow bool
	// ChannelLife is the longest life of a push channel that the service grants.
	ChannelLife time.Duration
}

// Account is everything that the program asks of one account. Consumers take
// the part that they need.
//
// Calls wait for the limiter, refresh the access token where needed, and retry
// what passes by itself within a few seconds. What lasts longer comes back as
// an *Error; any other error is one of ctx. No method logs.
type Account interface {
	Lister
	Syncer
	Watcher
	BusyReader
	Writer
}

// Lister tells which calendars an account has.
type Lister interface {
	// Calendars lists all calendars of the account, hidden and deleted ones
	// left out.
	Calendars(ctx context.Context) ([]Info, error)
	// Calendar returns one calendar. The alias "primary" is resolved: Info.ID is
	// the lasting id. Works with scopes that do not allow Calendars.
	Calendar(ctx context.Context, id string) (Info, error)
}

// Info is a calendar as the service describes it.
type Info struct {
	ID       string // of the service; case-sensitive
	Name     string // the id where the service gives none
	Email    string // of the account
	Primary  bool
	CanWrite bool
	TimeZone string          // IANA name, or empty
	Metadata json.RawMessage // the service's own object, without secrets; nil if none
}

// Syncer reads events.
type Syncer interface {
	// Round fetches one page of a round.
	Round(ctx context.Context, r RoundRequest) (Page, error)
	// Occurrences fetches one page of the occurrences whose time overlaps the
	// window: complete, never bare, cancelled slots left out. Master rows are
	// left out. NotFound: the series, or the calendar, is gone.
	Occurrences(ctx context.Context, r OccurrenceRequest) (Page, error)
	// Event fetches one item by the service's id: a single, a master or an
	// occurrence. NotFound also for what the service shows as cancelled by id
	// only.
	Event(ctx context.Context, calendar, id string) (Item, error)
}

// Window is a span of time, its end excluded. An event lies in it when it ends
// after Start and begins before End.
type Window struct{ Start, End time.Time }

// RoundRequest asks for a page of a round.
type RoundRequest struct {
	Calendar string
	// Cursor is empty for a full round. A round is: the first page with its
	// cursor, then page after page with the same request and Page.Next.
	Cursor Cursor
	// PageToken is Page.Next of the page before; empty for the first.
	PageToken string
	// Window bounds a full round where the service can (Graph). The items may
	// lie outside of it: the engine filters.
	Window Window
}

// OccurrenceRequest asks for a page of occurrences.
type OccurrenceRequest struct {
	Calendar  string
	Series    string // the master's id; empty: those of all series, and single events
	Window    Window
	PageToken string
}

// Cursor is where the next incremental round begins: a sync token or a delta
// link, together with whatever the client needs to know that it still fits its
// own parameters. Opaque outside of the client that made it. It is stored as
// text and may have several kilobytes.
type Cursor string

// Page is part of a round. A page may be empty and not the last.
type Page struct {
	Items []Item
	Next  string // token of the next page; empty on the last
	// Cursor is set on the last page of a round, empty before and for
	// occurrences.
	Cursor Cursor
}

// ItemKind says what a row of a round is.
type ItemKind int

// The kinds of items.
const (
	// Single is an event that does not recur.
	Single ItemKind = iota + 1
	// Master is the rule of a series with its fields; not itself an event.
	Master
	// Occurrence is one event of a series, as planned or as an exception.
	Occurrence
	// CancelledSlot is an occurrence that was taken out of its series. Only ID,
	// SeriesID and Slot are certain.
	CancelledSlot
	// Tombstone says that what had this id is gone: a single, a master with all
	// its occurrences, or an occurrence. Only ID is certain. Ids that nobody
	// knows are to be expected.
	Tombstone
)

// Item is one row of a round in the shape that all services share.
type Item struct {
	Kind     ItemKind
	ID       string // of the service; case-sensitive; stable while the event moves
	SeriesID string // the master's ID, for Occurrence and CancelledSlot
	// Slot is where an occurrence stands in its series, wherever it was moved to:
	// an instant in UTC, or midnight UTC of the date if SlotAllDay. Zero if the
	// service did not say.
	Slot       time.Time
	SlotAllDay bool
	// Bare: only ID, SeriesID and When are known; the rest is the master's.
	Bare bool
	// Exception: an occurrence that differs from its series.
	Exception bool
	Fields
	// Raw is the service's own object; nil for what has none.
	Raw json.RawMessage
}

// Fields are those of an event, single or of a series.
type Fields struct {
	UID         string // iCalendar UID, empty if unknown; do not compare between services
	Title       string // empty if none
	Description string // as the service has it
	HTML        bool   // Description is HTML
	Location    string
	When        When
	Status      Status
	// Declined by the owner of the calendar. Such an event counts as cancelled.
	Declined bool
	// NotMeeting: working location, birthday and the like: no bot, no busy time.
	NotMeeting bool
	Free       bool     // shown as free
	Private    bool     // private or confidential
	Organizer  Person   // zero if unknown
	Attendees  []Person // nil: none or not shown
	// Recurrence holds the service's own rules of a Master (RRULE lines, or
	// Graph's object as JSON), only to be shown and compared.
	Recurrence []string
	// Candidates are all places in which a meeting URL may stand, best first.
	Candidates []Candidate
	Link       string // the event's page at the service
	// OwnStatus is the status in the service's own word: Google's status, Graph's
	// showAs.
	OwnStatus string
	// Offsets are those with which the service wrote the times; nil: in UTC.
	Offsets *Offsets
	Created time.Time
	Updated time.Time
}

// Offsets of an event's start and end from UTC, in seconds.
type Offsets struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// When is the time of an event. Timed: instants in UTC. All-day: midnight UTC
// of the civil dates, the end excluded, whatever the zone.
type When struct {
	Start, End time.Time
	AllDay     bool
	Zone       string // IANA name in which it was planned; empty if unknown or all-day
	// ZoneGuessed: the service named a zone that nobody knows; times were read
	// as UTC.
	ZoneGuessed bool
}

// An all-day event is up to 14 hours earlier, or 12 later, than the same date in
// UTC.
const (
	Early = 14 * time.Hour
	Late  = 12 * time.Hour
)

// Overlaps reports whether the event lies in the window; of an all-day event,
// whether it does so in some zone.
func (w When) Overlaps(win Window) bool {
	if w.AllDay {
		return w.End.Add(Late).After(win.Start) && w.Start.Add(-Early).Before(win.End)
	}
	return w.End.After(win.Start) && w.Start.Before(win.End)
}

// surely reports whether the event lies in the window, of an all-day event
// whether it does so in every zone.
func (w When) surely(win Window) bool {
	if w.AllDay {
		return w.End.Add(-Early).After(win.Start) && w.Start.Add(Late).Before(win.End)
	}
	return w.Overlaps(win)
}

// Status of an event.
type Status string

// The statuses.
const (
	Confirmed Status = "confirmed"
	Tentative Status = "tentative"
	Cancelled Status = "cancelled"
)

// Person is an organizer or attendee. Response is accepted, declined,
// tentative or needsAction; never empty for an attendee.
type Person struct {
	Email     string `json:"email"`
	Name      string `json:"name,omitempty"`
	Response  string `json:"response,omitempty"`
	Organizer bool   `json:"organizer,omitempty"`
	Self      bool   `json:"self,omitempty"` // the owner of the calendar
}

// Source is where in an event a text stood that may hold a meeting URL.
type Source string

// The sources, best first.
const (
	FromConference Source = "conference" // conferenceData, onlineMeeting, hangoutLink, onlineMeetingUrl
	FromLocation   Source = "location"
	FromBody       Source = "body"
	FromExtended   Source = "extended" // extended properties
	FromTitle      Source = "title"
)

// Candidate is a text in which a meeting URL may stand.
type Candidate struct {
	Source Source `json:"source"`
	Text   string `json:"text"` // a URL, plain text or HTML
	// Auto: the service put it there by itself (a Meet link that Google adds to
	// every event), so that an explicit link elsewhere means more.
	Auto bool `json:"auto,omitempty"`
}

// Watcher has the service tell of changes.
type Watcher interface {
	// Watch opens a channel. Its ID and Secret are the caller's, who has stored
	// them before, because the first message may come before Watch returns.
	// Forbidden-like answers (calendars that cannot be watched) are Unsupported.
	Watch(ctx context.Context, r WatchRequest) (Channel, error)
	// Renew prolongs a channel until the given time. Unsupported where the
	// service has no such thing (Google): open another, then stop this one.
	Renew(ctx context.Context, c Channel, until time.Time) (Channel, error)
	// Stop ends a channel. One that is gone already is no error.
	Stop(ctx context.Context, c Channel) error
}

// WatchRequest describes a channel to be opened.
type WatchRequest struct {
	Calendar string
	ID       string // a fresh UUID
	// Secret comes back with every message: Google's token (≤ 256 characters),
	// Graph's clientState (≤ 128). It contains ID, so that a message whose
	// subscription id is not stored yet can be told.
	Secret       string
	URL          string // where messages go
	LifecycleURL string // where Graph's lifecycle messages go
	Until        time.Time
}

// Channel is an open push channel.
type Channel struct {
	ID         string // WatchRequest.ID
	ProviderID string // Google's resourceId, Graph's subscription id
	Calendar   string
	Expires    time.Time
}

// BusyReader tells when somebody is busy.
type BusyReader interface {
	// FreeBusy returns the busy spans of the calendars within the window, in the
	// order of their start, overlapping ones not merged.
	FreeBusy(ctx context.Context, calendars []string, w Window) ([]Busy, error)
	// PeopleBusy does so for people by their e-mail addresses, which are
	// Busy.Calendar then. Of those in unknown the service tells this account
	// nothing.
	PeopleBusy(ctx context.Context, emails []string, w Window) (busy []Busy, unknown []string, err error)
}

// Busy is a span in which a calendar is taken.
type Busy struct {
	Calendar   string
	Start, End time.Time
	Kind       string // busy, tentative, oof, workingElsewhere
}

// Taken reports whether no meeting can be then: whoever works elsewhere can come
// to one.
func (b Busy) Taken() bool { return b.Kind != "workingElsewhere" }

// Writer changes events.
type Writer interface {
	Create(ctx context.Context, calendar string, e Change) (Item, error)
	// Patch changes the given fields only.
	Patch(ctx context.Context, calendar, id string, e Change) (Item, error)
	// Delete removes an event. One that is gone already is no error.
	Delete(ctx context.Context, calendar, id string) error
	// Continue makes a new series of what is left of one from an occurrence on,
	// with the changes of e. It does not end the old one: to cut a series in two
	// is no single call at any service. A Change that names no time leaves the
	// occurrences where they are. RequestID makes it repeatable.
	Continue(ctx context.Context, calendar string, from Item, e Change) (Item, error)
	// EndBefore makes the slot before that of an occurrence the last one of its
	// series, and returns the master.
	EndBefore(ctx context.Context, calendar string, from Item) (Item, error)
}

// Change holds the fields of an event to be written; nil leaves one as it is.
type Change struct {
	// RequestID makes a repeated Create harmless: a UUID.
	RequestID   string
	Title       *string
	Description *string
	Location    *string
	When        *When
	// InZone has the times written in When.Zone, in which a series keeps its hour.
	// Without it Microsoft gets them in UTC.
	InZone    bool
	Attendees *[]Person
	// Recurrence makes a series: RRULE, RDATE and EXDATE lines (RFC 5545). What a
	// service cannot express is Refused with Reason Inexpressible.
	Recurrence []string
	// Conference asks for the service's own online meeting.
	Conference bool
	// Notify has the service mail the attendees (Google sendUpdates=all).
	// Microsoft always does.
	Notify bool
}
