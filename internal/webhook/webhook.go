// Package webhook is the room of account webhooks and per-bot callbacks: what
// an endpoint is, what is sent to it and how it is signed, when it is tried
// again and when it is given up. The rules follow digest 9.2 to 9.4.
//
// It must not send anything, and knows no SQL. Payloads are built by the rooms
// that own the facts; here they are bytes.
package webhook

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"steno/internal/ident"
)

// EventType names what happened (digest 9.1).
type EventType string

// The events.
const (
	BotStatusChange EventType = "bot.status_change"
	BotCompleted    EventType = "bot.completed"
	BotFailed       EventType = "bot.failed"
	BotChatMessage  EventType = "bot.chat_message"
	BotTranscript   EventType = "bot.transcript" // ours; of bots that were asked for it
	CalendarCreated EventType = "calendar.connection_created"
	CalendarUpdated EventType = "calendar.connection_updated"
	CalendarDeleted EventType = "calendar.connection_deleted"
	CalendarError   EventType = "calendar.connection_error"
	EventsSynced    EventType = "calendar.events_synced"
	EventCreated    EventType = "calendar.event_created"
	EventUpdated    EventType = "calendar.event_updated"
	EventCancelled  EventType = "calendar.event_cancelled"

	// Ours: about the webhooks themselves, only for endpoints that name them.
	EndpointDisabled  EventType = "webhook.endpoint_disabled"
	DeliveryExhausted EventType = "webhook.delivery_exhausted"
)

// Surface is an API: its words are those in which something is told.
type Surface string

// The surfaces. Empty is V2.
const (
	V1 Surface = "v1"
	V2 Surface = "v2"
)

// The events of v1 (digest 9.4), beside bot.status_change.
const (
	V1Complete      EventType = "complete"
	V1Failed        EventType = "failed"
	V1Transcribed   EventType = "transcription_complete"
	V1CalendarSyncs EventType = "calendar.sync_events"
)

// V1EventTypes lists every event of v1.
var V1EventTypes = []EventType{BotStatusChange, V1Complete, V1Failed, V1Transcribed, V1CalendarSyncs}

// EventTypes lists every event of v2.
var EventTypes = []EventType{
	BotStatusChange, BotCompleted, BotFailed, BotChatMessage, BotTranscript,
	CalendarCreated, CalendarUpdated, CalendarDeleted, CalendarError,
	EventsSynced, EventCreated, EventUpdated, EventCancelled,
	EndpointDisabled, DeliveryExhausted,
}

// Final reports whether the event tells of the end of a bot.
func (t EventType) Final() bool {
	return t == BotCompleted || t == BotFailed || t == V1Complete || t == V1Failed
}

// Operational reports whether the event is about webhooks themselves. Nothing
// is told of what becomes of such a message: it would never end.
func (t EventType) Operational() bool { return t == EndpointDisabled || t == DeliveryExhausted }

// Format is how people appear in bot.completed and bot.failed (decision C51).
type Format string

// The formats.
const (
	Names   Format = "names"   // "Ada": a list of strings, or null
	Objects Format = "objects" // {"name":"Ada","id":1}
)

// Endpoint is a team's address for webhooks.
type Endpoint struct {
	ID             string
	TeamID         string
	Surface        Surface // whose events it is told of; a team has at most one of V1
	Name           string
	URL            string
	Events         []EventType // empty: all, also those that come to exist later
	Participants   Format
	Enabled        bool
	DisabledReason string     // why Steno disabled it; empty while enabled, or if it was disabled by hand
	DisabledAt     *time.Time // nil while enabled
	FailingSince   *time.Time // first failure since the last success
	CreatedAt      time.Time

	// Secret signs; OldSecret signs too until OldSecretUntil, so that receivers
	// can change over. Both are sealed. An endpoint of v1 has an API key instead,
	// which goes with each message.
	Secret         string
	OldSecret      string
	OldSecretUntil time.Time
}

// Wants reports whether the endpoint is to be told of the event.
func (e Endpoint) Wants(t EventType) bool {
	return e.Enabled && (len(e.Events) == 0 || slices.Contains(e.Events, t))
}

// Takes is Wants for an event that may be one that is sent on request only.
func (e Endpoint) Takes(ev Event) bool {
	return orV2(e.Surface) == orV2(ev.Surface) && e.Wants(ev.Type) && (!ev.OnRequest || len(e.Events) > 0)
}

func orV2(s Surface) Surface { return cmp.Or(s, V2) }

// KeepMissed is how long after an endpoint was disabled because it failed what
// it misses is kept for Recover.
const KeepMissed = 14 * 24 * time.Hour

// Misses reports whether the event is one that the endpoint would take, had it
// not failed: it is noted as dropped, so that it can be recovered. An endpoint
// that was disabled by hand misses nothing.
func (e Endpoint) Misses(ev Event) bool {
	if e.Enabled || e.DisabledReason == "" || e.DisabledAt == nil || ev.At.Sub(*e.DisabledAt) > KeepMissed {
		return false
	}
	e.Enabled = true
	return e.Takes(ev)
}

// Event is something to tell a team's endpoints. Emitting it is part of the
// transaction that makes it true.
type Event struct {
	TeamID  string
	Surface Surface
	Type    EventType
	BotID   string // empty if it is not about a bot
	// Payload is the body as it will be sent, see Marshal. PayloadObjects is
	// the same with people as objects, for the endpoints that ask for it; nil
	// if that makes no difference.
	Payload        []byte
	PayloadObjects []byte
	At             time.Time
	// OnRequest: only for endpoints that name this type of event.
	OnRequest bool
	// Own is the bot's own address, which is told instead of the team's endpoints;
	// nil: it has none (V1).
	Own *OwnAddress
}

// OwnAddress is where a bot of v1 wants to be told of.
type OwnAddress struct {
	URL string
	// SealedKey is the API key that goes with each message, sealed for the cell
	// seal.WebhookKey(TeamID, BotID).
	SealedKey string
}

// Callback is a message to the address that one bot was given.
type Callback struct {
	TeamID string
	BotID  string
	Type   EventType // bot.completed or bot.failed
	URL    string
	Method string // POST or PUT
	// SealedSecret is what goes into x-mb-secret, sealed for the cell
	// seal.CallbackSecret(TeamID, BotID); empty: no header.
	SealedSecret string
	Payload      []byte // in the participants format that the bot asked for
	At           time.Time
}

// NewMessageID returns the id of a new message. Every retry carries the same
// id, so that a receiver can drop repetitions.
func NewMessageID() string { return messagePrefix + ident.New() }

const messagePrefix = "msg_"

// FirstMessageID returns a text that sorts before all ids that are made at the
// given time or later, and after those before: an id begins with 48 bits of Unix
// milliseconds (RFC 9562, section 5.7).
func FirstMessageID(at time.Time) string {
	ms := at.UnixMilli()
	return fmt.Sprintf("%s%08x-%04x", messagePrefix, ms>>16, ms&0xffff)
}
