package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"steno/internal/clock"
	"steno/internal/fail"
)

// Codes of the delivery log.
const (
	CodeNoDelivery = "DELIVERY_NOT_FOUND"
	CodePending    = "DELIVERY_PENDING"
	CodeDisabled   = "WEBHOOK_DISABLED"
	CodeBadRange   = "WEBHOOK_RANGE_INVALID"
)

// Delivery is one message on its way to one receiver.
type Delivery struct {
	ID         string
	MessageID  string
	TeamID     string
	EndpointID string // empty: a callback, or a v1 bot's own address
	BotID      string
	Kind       Kind
	Event      EventType
	State      State
	Attempts   int        // made so far
	NextAt     *time.Time // of the next attempt, while pending
	CreatedAt  time.Time
	FinishedAt *time.Time
	Sequence   int64  // see Headers
	ReplayOf   string // the delivery that this one repeats; empty: a first one
	// How the last attempt ended; both empty: there was none.
	LastStatus  int
	LastFailure Failure
}

// Record is a delivery with what was sent and what came back.
type Record struct {
	Delivery
	Method string
	URL    string
	Secret bool // of a callback: it goes with a secret
	// Body is the message as it was first sent; a replay carries fresh links.
	Body     []byte
	Attempts []Try
}

// Try is one attempt of a delivery.
type Try struct {
	N        int
	At       time.Time
	Duration time.Duration
	URL      string
	Status   int // 0: no answer
	Failure  Failure
	Error    string
	// Response is the head of the answer.
	ResponseHeaders http.Header
	ResponseBody    string
}

// Query asks for a page of the log of one endpoint, newest first.
type Query struct {
	EndpointID   string // empty: the callbacks of the team
	State        State
	Event        EventType
	BotID        string
	Since, Until time.Time
	Before       string // a delivery id; only older ones
	Limit        int
}

// Scope says which messages to send to an endpoint again: those of the time
// from Since to Until (zero: now), or of them only those that failed.
type Scope struct {
	EndpointID   string
	Since, Until time.Time
	FailedOnly   bool
	After        string // a delivery id; only younger ones
	Limit        int
}

// Deliveries is where the log is kept. Every call takes the team first and
// finds nothing of another team.
type Deliveries interface {
	Deliveries(ctx context.Context, team string, q Query) ([]Delivery, error)
	Delivery(ctx context.Context, team, id string) (Record, error)
	// Replayable returns the first deliveries of the messages in the scope in
	// the order of their ids. FailedOnly takes those that were given up or
	// dropped and that no other delivery has brought to the endpoint, or is about
	// to.
	Replayable(ctx context.Context, team string, s Scope) (deliveries []string, err error)
	// Requeue queues a new delivery of each message and returns how many it
	// queued. It leaves out those that are on their way already, and with
	// failedOnly those that arrived. A disabled endpoint is CodeDisabled.
	Requeue(ctx context.Context, team, endpoint string, deliveries []string, failedOnly bool, now time.Time) (int, error)
}

// History is the delivery log and what can be done with it.
type History struct {
	Store Deliveries
	Clock clock.Clock
}

// MaxReplay bounds the messages of one call.
const MaxReplay = 10_000

// replayStep is how many messages are queued in one transaction.
const replayStep = 200

// List returns a page of the log.
func (h History) List(ctx context.Context, team string, q Query) ([]Delivery, error) {
	return h.Store.Deliveries(ctx, team, q)
}

// Get returns one delivery with its attempts.
func (h History) Get(ctx context.Context, team, id string) (Record, error) {
	return h.Store.Delivery(ctx, team, id)
}

// Again sends the message of one delivery again, with the same message id.
func (h History) Again(ctx context.Context, team, id string) error {
	d, err := h.Store.Delivery(ctx, team, id)
	if err != nil {
		return err
	}
	n, err := h.Store.Requeue(ctx, team, d.EndpointID, []string{d.ID}, false, h.Clock.Now())
	if err == nil && n == 0 {
		return fail.New(fail.Conflict, CodePending, "this message is on its way to this receiver already")
	}
	return err
}

// Queued is what came of a replay. Next is not empty if there are more messages
// than one call may queue: the next call gives it as Scope.After.
type Queued struct {
	Messages int
	Next     string
}

// Replay sends the messages of a scope again, each with the message id that it
// had. The sender gives final events of bots fresh links.
func (h History) Replay(ctx context.Context, team string, s Scope) (out Queued, err error) {
	now := h.Clock.Now()
	if s.Until.IsZero() || s.Until.After(now) {
		s.Until = now
	}
	if s.Since.IsZero() || s.Since.After(s.Until) {
		return out, fail.New(fail.Invalid, CodeBadRange, "say since when to send again, as a time in the past and not after until")
	}
	most := s.Limit
	if most <= 0 || most > MaxReplay {
		most = MaxReplay
	}
	for seen := 0; seen < most; {
		s.Limit = min(replayStep, most-seen)
		found, err := h.Store.Replayable(ctx, team, s)
		if err != nil {
			return out, err
		}
		// Also asked with nothing to send: a disabled endpoint is an error then, too.
		n, err := h.Store.Requeue(ctx, team, s.EndpointID, found, s.FailedOnly, now)
		out.Messages += n
		if err != nil || len(found) < s.Limit {
			return out, err
		}
		s.After = found[len(found)-1]
		seen += len(found)
	}
	out.Next = s.After
	return out, nil
}

// UserAgent is what receivers see.
const UserAgent = "Steno-Webhooks/1"

// SequenceHeader carries the running number of a bot's messages, from 1. It has
// no gaps for an endpoint that takes all events of bots, so that a receiver
// knows that it waits for one, and in which order they came about.
const SequenceHeader = "X-Steno-Sequence"

// The headers of messages to v1: the API key, and the id that all attempts of a
// message share, as with signed ones.
const (
	KeyHeader     = "x-meeting-baas-api-key"
	MessageHeader = "webhook-id"
)

// hidden stands in the log for what only the receiver may know.
const hidden = "[redacted]"

// RequestHeaders returns the headers of an attempt as the log shows them:
// without the signature of a webhook and the secret of a callback.
func (r Record) RequestHeaders(t Try) http.Header {
	h := Headers(r.Kind, r.Sequence)
	switch {
	case r.Kind == ToV1:
		h.Set(KeyHeader, hidden)
		h.Set(MessageHeader, r.MessageID)
		return h
	case r.Kind == ToCallback && r.Secret:
		h.Set("x-mb-secret", hidden)
		return h
	case r.Kind == ToCallback:
		return h
	}
	signed, err := Sign(r.MessageID, t.At, nil)
	if err != nil {
		return h // without a secret nothing can go wrong
	}
	for name, values := range signed {
		h[name] = values
	}
	for _, prefix := range []string{"webhook-", "svix-"} {
		h.Set(prefix+"signature", hidden)
	}
	return h
}

// Headers returns the headers that every request has. sequence is 0 for what is
// not about a bot.
func Headers(k Kind, sequence int64) http.Header {
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", UserAgent)
	if k != ToCallback && sequence > 0 {
		h.Set(SequenceHeader, strconv.FormatInt(sequence, 10))
	}
	return h
}
