package calendar

import (
	"context"
	"time"

	"steno/internal/page"
)

// Store keeps connections and events. Reads name the team first and find
// nothing of another team; what is not there is fail.NotFound.
type Store interface {
	InTx(ctx context.Context, fn func(tx Tx) error) error
	Connection(ctx context.Context, team, id string) (Connection, error)
	Connections(ctx context.Context, team string, q ConnectionQuery) ([]Connection, error)
	Event(ctx context.Context, team, calendar, id string) (FullEvent, error)
	// EventOf finds an event in any calendar of a team.
	EventOf(ctx context.Context, team, id string) (Event, error)
	// Planned completes events of a team, in their order.
	Planned(ctx context.Context, team string, events []Event) ([]PlannedEvent, error)
	Events(ctx context.Context, team, calendar string, q EventQuery) ([]Event, error)
	SeriesList(ctx context.Context, team, calendar string, q SeriesQuery) ([]Series, error)
	// EventsOfSeries returns the events of several series by start.
	EventsOfSeries(ctx context.Context, team string, series []string, cancelled bool) ([]Event, error)
	Decisions(ctx context.Context, team, event string) ([]Decision, error)
	Agenda
}

// Agenda says what is due, for all teams.
type Agenda interface {
	// Channel finds a push channel and when its calendar's next sync is due.
	Channel(ctx context.Context, id string) (PushChannel, *time.Time, error)
	DueSyncs(ctx context.Context, now time.Time, limit int) ([]string, error)
	// StraySyncs returns calendars that are polled and whose last sync began, or
	// was queued, after the given time.
	StraySyncs(ctx context.Context, after time.Time, limit int) ([]string, error)
	DueWatches(ctx context.Context, now time.Time, limit int) ([]string, error)
	// DueBots returns the events whose bots are to be launched.
	DueBots(ctx context.Context, now time.Time, limit int) ([]string, error)
	// NextDue returns the earliest time at which one of these has something.
	// Bots are due lead before they join.
	NextDue(ctx context.Context, lead time.Duration) (at time.Time, ok bool, err error)
}

// Tx is a write transaction: rows, jobs, bots and messages commit together.
type Tx interface {
	ConnectionTx
	EventTx
	RuleTx
	BotTx
	// Emit queues a message to the team's endpoints that want it.
	Emit(ctx context.Context, m Message) error
	AfterCommit(f func())
}

// ConnectionTx changes connections.
type ConnectionTx interface {
	// LockConnection reads a connection and keeps others from changing it until
	// the commit. An empty team finds that of any team. Deleted ones are found
	// only with an empty team.
	LockConnection(ctx context.Context, team, id string) (Connection, error)
	InsertConnection(ctx context.Context, c Connection, g Grant) error
	UpdateConnection(ctx context.Context, c Connection) error
	// MoveConnection stores which calendar of which service a connection is
	// about. One that is connected already is fail.Conflict.
	MoveConnection(ctx context.Context, c Connection) error
	PutGrant(ctx context.Context, c Connection, g Grant) error
	CountConnections(ctx context.Context, team string) (int, error)
	// CalendarLimit returns how many connections the team may have; below zero:
	// any number. Until the commit nobody else of the team gets an answer.
	CalendarLimit(ctx context.Context, team string) (int, error)
	InsertChannel(ctx context.Context, c PushChannel) error
	UpdateChannel(ctx context.Context, c PushChannel) error
	DeleteChannel(ctx context.Context, team, id string) error
	Channels(ctx context.Context, team, calendar string) ([]PushChannel, error)
	// DropRows deletes some rows of a deleted connection, and reports whether
	// there were any.
	DropRows(ctx context.Context, c Connection, limit int) (more bool, err error)
	EnqueueSync(ctx context.Context, calendar string) error
	EnqueueWatch(ctx context.Context, calendar string) error
	EnqueueDrop(ctx context.Context, calendar string) error
}

// EventTx changes series and events of a connection that the transaction has
// locked.
type EventTx interface {
	// SeriesByProvider returns the series with these ids of the service.
	SeriesByProvider(ctx context.Context, team, calendar string, ids []string) (map[string]Series, error)
	SeriesByID(ctx context.Context, team, calendar string, ids []string) (map[string]Series, error)
	// ScheduledSeries returns those of the series that a rule covers as a whole.
	ScheduledSeries(ctx context.Context, team string, ids []string) (map[string]bool, error)
	InsertSeries(ctx context.Context, s []Series) error
	UpdateSeries(ctx context.Context, s Series) error
	// SeriesSeen notes the generation that saw them.
	SeriesSeen(ctx context.Context, team string, ids []string, generation int64) error
	// HasRecurring reports whether any recurring series is alive.
	HasRecurring(ctx context.Context, team, calendar string) (bool, error)
	// Kin returns recurring series, other than s, that share UID or lineage with it.
	Kin(ctx context.Context, s Series) ([]Series, error)
	// Newcomers returns recurring series without a rule that came to exist after the
	// connection's last sync that succeeded.
	Newcomers(ctx context.Context, c Connection) ([]Series, error)

	EventsByProvider(ctx context.Context, team, calendar string, ids []string) (map[string]Event, error)
	EventsByID(ctx context.Context, team, calendar string, ids []string) ([]Event, error)
	EventsIn(ctx context.Context, team, series string) ([]Event, error)
	InsertEvents(ctx context.Context, e []Event, d []Details) error
	// UpdateEvent stores an event, and its details if they are not nil.
	UpdateEvent(ctx context.Context, e Event, d *Details) error
	EventsSeen(ctx context.Context, team string, ids []string, generation int64) error
	// Unseen returns live events that overlap the window, all-day ones in every
	// zone, and that the generation has not seen; of one series, if it is not
	// empty.
	Unseen(ctx context.Context, c Connection, w Window, series string, limit int) ([]Event, error)
	// SeriesFrom returns series behind the given position, oldest first, without
	// their fields.
	SeriesFrom(ctx context.Context, team, calendar string, from *page.Position, limit int) ([]Series, error)
	// NoteChanges keeps ids of changed events for TakeChanges, if the team is told
	// of them in the words of v1.
	NoteChanges(ctx context.Context, c Connection, events []string) error
	// TakeChanges returns what was noted since it was called last.
	TakeChanges(ctx context.Context, c Connection) ([]string, error)
	// Upcoming returns live events of the series that overlap the window, by
	// start.
	Upcoming(ctx context.Context, c Connection, w Window, series []string) ([]Event, error)
}

// RuleTx changes what users asked for and what became of it.
type RuleTx interface {
	// Rules returns the rules in force of these series and events.
	Rules(ctx context.Context, team string, series, events []string) ([]Rule, error)
	PutRule(ctx context.Context, r Rule) error
	DeleteRule(ctx context.Context, team, id string, at time.Time) error
	Schedules(ctx context.Context, team string, events []string) (map[string]Schedule, error)
	// ScheduleOf finds the schedule of an event of any team.
	ScheduleOf(ctx context.Context, event string) (Schedule, error)
	PutSchedule(ctx context.Context, s Schedule) error
	// OpenSchedules returns the schedules of a calendar whose bots are waiting,
	// scheduled, or alive.
	OpenSchedules(ctx context.Context, team, calendar string) ([]Schedule, error)
	// DropRules ends all rules of a calendar, and marks its series.
	DropRules(ctx context.Context, team, calendar string) error
	AddDecision(ctx context.Context, d Decision) error
	// SharedBot returns the live bot that another schedule of the team has
	// launched into the same meeting, with the same DedupKey, for an event that
	// begins near the given time; empty if there is none. Until the commit nobody else gets an answer
	// for that meeting.
	SharedBot(ctx context.Context, s Schedule, near time.Duration) (botID string, err error)
	// BotUsers returns how many launched schedules other than that of the event
	// point at the bot.
	BotUsers(ctx context.Context, team, botID, exceptEvent string) (int, error)
}

// BotTx acts on bots. It is the room of bots, as this room sees it.
type BotTx interface {
	// CreateBot queues a bot. If the team may not have one now, the bot fails at
	// once, and refused says so; other errors undo the transaction.
	CreateBot(ctx context.Context, o BotOrder) (refused bool, err error)
	// DedupKey is what sets bots with these settings apart from others in the
	// same meeting; empty: nothing.
	DedupKey(settings []byte) string
	// BotPhase says how far a bot is.
	BotPhase(ctx context.Context, team, botID string) (BotPhase, error)
	// StopBot asks a bot to leave; one that has ended is no error.
	StopBot(ctx context.Context, team, botID string) error
	// RepointBot changes the meeting of a bot whose process was not started yet,
	// and reports whether it could.
	RepointBot(ctx context.Context, team, botID, url string) (bool, error)
}

// BotOrder asks for a bot that is launched at once and joins at its time.
type BotOrder struct {
	BotID    string
	TeamID   string
	EventID  string
	URL      string
	JoinAt   time.Time
	Settings []byte // of the rule
}

// BotPhase is how far a bot is.
type BotPhase string

// The phases of a bot.
const (
	BotNone    BotPhase = ""        // there is none
	BotWaiting BotPhase = "waiting" // not in the meeting yet
	BotInside  BotPhase = "inside"
	BotEnded   BotPhase = "ended"
)
