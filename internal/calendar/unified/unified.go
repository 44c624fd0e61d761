// Package unified is the room of the unified calendar: all calendars that a team
// has connected, of every service, as one. It reads what the sync engine keeps
// current from the database, asks the services for what lies outside of it, and
// writes through the engine, so that a write shows in the next read.
//
// It leans on package calendar for connections, services and the engine. It
// knows no SQL and no HTTP, and calls no service inside of a transaction.
package unified

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/fail"
)

// Codes of this room's errors.
const (
	CodeValidation   = "VALIDATION_ERROR"
	CodeNotConnected = "PROVIDER_NOT_CONNECTED"
	CodeNoCalendar   = "CALENDAR_NOT_FOUND"
	CodeNoEvent      = "EVENT_NOT_FOUND"
	CodeReadOnly     = "INSUFFICIENT_SCOPE"
	CodeProvider     = "PROVIDER_ERROR"
	CodeSlow         = "PROVIDER_TIMEOUT"
	CodeRevoked      = "CALENDAR_REVOKED"
	CodeInactive     = "CALENDAR_INACTIVE"
	CodeRecurrence   = "RECURRENCE_NOT_SUPPORTED"
	CodeKeyReused    = "IDEMPOTENCY_KEY_REUSED"
	CodeKeyBusy      = "IDEMPOTENCY_KEY_IN_USE"
)

// Event is an event as every service's looks in the unified API.
type Event struct {
	ID         string // of the service
	CalendarID string // ours
	Provider   calendar.Platform
	Title      string
	// Description is plain text for Microsoft, and as it stands there for Google.
	Description string
	Location    string
	MeetingURL  string // of the service's own conference only
	When        calendar.When
	Offsets     *calendar.Offsets // with which the service wrote the times
	Organizer   calendar.Person
	Attendees   []Attendee
	// Status is the service's own word: Google's status, Microsoft's showAs.
	Status  string
	Link    string
	Created time.Time
	Updated time.Time
	// SeriesID is the service's id of the series, empty for what does not recur
	// and for masters.
	SeriesID string
	// Recurrence holds the rule lines of a Google master; empty otherwise.
	Recurrence []string
	// At is the instant at which it begins: that of an all-day event is midnight
	// where its calendar is.
	At time.Time
}

// Attendee is somebody who is invited, or the organizer.
type Attendee struct {
	Email, Name string
	Status      string // accepted, tentative, needsAction, declined; organizer
}

// Trouble is what one calendar could not contribute, and why.
type Trouble struct {
	Provider   calendar.Platform
	CalendarID string
	Code       string
	Message    string
}

// Store is what the room needs of the database. Reads name the team and find
// nothing of another one.
type Store interface {
	// TeamConnections returns a team's connections, oldest first.
	TeamConnections(ctx context.Context, team string) ([]calendar.Connection, error)
	// Earliest returns up to limit live events of each span by start, timed ones
	// and all-day ones apart.
	Earliest(ctx context.Context, team string, spans []Span, limit int) ([]Pick, error)
	// Stored returns events with their details, in any order.
	Stored(ctx context.Context, team string, ids []string) ([]Stored, error)
	// StoredByProvider returns the events of these calendars with that id of the
	// service.
	StoredByProvider(ctx context.Context, team string, calendars []string, id string) ([]Stored, error)

	// Lookups returns what is kept of months of a calendar since the given time.
	Lookups(ctx context.Context, team, calendar string, months []time.Time, since time.Time) (map[time.Time][]Event, error)
	// Edits is a number that Forget raises.
	Edits(ctx context.Context, team, calendar string) (int64, error)
	// KeepLookup keeps the events of a month, if Edits is still the given one.
	KeepLookup(ctx context.Context, team, calendar string, month time.Time, edits int64, events []Event, at time.Time) error
	// Forget drops all lookups of a calendar.
	Forget(ctx context.Context, team, calendar string) error

	// Prefer makes a calendar the one that new events of its service go to.
	Prefer(ctx context.Context, team, calendar string) error

	// Claim takes a key for a request until the given time. If the key has an
	// answer, or is somebody else's now, it is not taken.
	Claim(ctx context.Context, k Key, now, until time.Time) (found Key, taken bool, err error)
	// Answer stores what a request came to.
	Answer(ctx context.Context, team, key string, answer []byte) error
	// Unclaim gives a key back: forget it, or keep its RequestID for another try.
	Unclaim(ctx context.Context, team, key string, forget bool) error
}

// Span is a stretch of time in a calendar. Dates are the same bounds as the
// clock where the calendar is shows them, as if they were UTC: all-day events
// are held against those.
type Span struct {
	CalendarID string
	Window     calendar.Window
	Dates      calendar.Window
}

// Pick is as much of an event as is needed to order it.
type Pick struct {
	ID         string // ours
	CalendarID string
	Start      time.Time
	AllDay     bool
}

// Stored is an event with what lists of the unified API show of it.
type Stored struct {
	calendar.Event
	calendar.Details
	// SeriesProviderID is the service's id of its series, for recurring ones.
	SeriesProviderID string
}

// Engine is the sync engine as this room uses it.
type Engine interface {
	Write(ctx context.Context, team, id string, do func(ctx context.Context, acc calendar.Account, c calendar.Connection) ([]calendar.Item, error)) error
}

// Options of a Service. Zero values take the defaults of the comments.
type Options struct {
	// LiveTime bounds what a list or an availability may take of a service: 8 s.
	LiveTime time.Duration
	// KeepFor is how long what a service said about a month is good: 2 minutes.
	KeepFor time.Duration
}

// Service is the unified calendar. All fields are required.
type Service struct {
	Store     Store
	Engine    Engine
	Providers map[calendar.Platform]calendar.Provider
	Tokens    calendar.TokenStore
	Clock     clock.Clock
	Log       *slog.Logger
	Options   Options
}

func (s *Service) liveTime() time.Duration { return cmp.Or(s.Options.LiveTime, 8*time.Second) }
func (s *Service) keepFor() time.Duration  { return cmp.Or(s.Options.KeepFor, 2*time.Minute) }

// account is the service of a connection.
func (s *Service) account(c calendar.Connection) (calendar.Account, error) {
	p, ok := s.Providers[c.Platform]
	if !ok {
		return nil, fail.New(fail.Internal, CodeProvider, "there is no client for %s", c.Platform)
	}
	return p.Account(c.ID, s.Tokens), nil
}

// active returns the team's connections of a service that work, the preferred
// one first, then the oldest.
func (s *Service) active(ctx context.Context, team string, p calendar.Platform) ([]calendar.Connection, error) {
	if _, known := s.Providers[p]; !known {
		return nil, fail.New(fail.Invalid, CodeValidation, "provider: %q is not known; use google or microsoft", short(string(p)))
	}
	all, err := s.Store.TeamConnections(ctx, team)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c calendar.Connection) bool { return c.Platform != p || c.Status != calendar.Active })
	if len(all) == 0 {
		return nil, fail.New(fail.Invalid, CodeNotConnected, "provider: no active calendar of %s is connected; connect one with POST /v2/calendars, or name another provider", p)
	}
	slices.SortStableFunc(all, func(a, b calendar.Connection) int { return rank(a) - rank(b) })
	return all, nil
}

func rank(c calendar.Connection) int {
	if c.Preferred {
		return 0
	}
	return 1
}

// Prefer makes a calendar the one that new events go to which name none.
func (s *Service) Prefer(ctx context.Context, team, id string) error {
	return s.Store.Prefer(ctx, team, id)
}
