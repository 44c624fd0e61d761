// Package deliver sends webhooks and callbacks. The delivery rows of the
// database are the queue: there is no job per delivery, because a delivery
// needs what a general queue does not give (a lane per receiver, so that a
// hanging one holds up nobody else; leases claimed and results recorded by the
// hundred in one commit).
//
// Delivery is at least once: a row is claimed by a lease, sent, and marked in a
// later transaction. If the process dies in between, the message is sent again
// with the same id.
//
// It must not decide when to retry or what to sign: that is package webhook.
package deliver

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"steno/internal/clock"
	"steno/internal/store"
	"steno/internal/webhook"

	"github.com/prometheus/client_golang/prometheus"
)

// Queue is the database as the sender sees it.
type Queue interface {
	DeliveryLanes(ctx context.Context) ([]store.Lane, error)
	DeliveryTurn(ctx context.Context, t store.Turn) (store.TurnResult, error)
	ReleaseDeliveries(ctx context.Context, by string, now time.Time) (int64, error)
	OnDelivery(nudge func())
	Shared() bool
}

// Secrets opens sealed secrets.
type Secrets interface {
	OpenWebhookSecret(team, endpoint, sealed string) (string, error)
	OpenOldWebhookSecret(team, endpoint, sealed string) (string, error)
	OpenCallbackSecret(team, bot, sealed string) (string, error)
	OpenWebhookKey(team, bot, sealed string) (string, error)
}

// Options of a Sender. Queue, Client, Secrets, Clock and Log are required.
type Options struct {
	Queue   Queue
	Client  *http.Client // of netguard: guarded, without redirects
	Secrets Secrets
	Clock   clock.Clock
	Log     *slog.Logger
	// Fresh returns the payload of a replayed message anew, with links that live
	// as long as those of a new one, or nil to send it as it is. May be nil.
	Fresh func(ctx context.Context, c store.Claim) ([]byte, error)
	// Name tells this sender from others on the same database. A process that
	// starts with the name of one that died takes over its leases at once.
	Name string
	// Metrics is where the counters are registered; nil: nowhere.
	Metrics prometheus.Registerer
	// MaxSockets bounds the calls in flight; 0 means 512.
	MaxSockets int
	// Random places retries in their band of jitter, in [0,1); nil means
	// math/rand.
	Random func() float64
}

// Times of the sender.
const (
	pollEvery = time.Second                       // finds rows of other hosts, and what a lost nudge missed
	leaseTime = webhook.Timeout + 15*time.Second  // longer than any attempt
	grace     = webhook.Timeout/3 + 2*time.Second // for calls in flight when it stops
	maxPause  = 2 * time.Second                   // between tries while the database is away
	minPause  = 50 * time.Millisecond
)

// What was sent is recorded together with the next claims, or when there are
// recordAt results, or after recordWait: a commit for each result would keep the
// database from what is to be sent.
const (
	recordAt   = 64
	recordWait = 20 * time.Millisecond
)

// Sender delivers what is in the queue. Make it with New, run it once with Run.
type Sender struct {
	Options
	nudge   chan struct{}
	results chan result
	lanes   lanes
	pending []store.Attempt // made, not yet recorded
	record  *time.Timer     // runs while something is pending
	overdue bool            // it has run out
	more    bool            // the last look left due rows behind
	look    time.Time       // when to look for due rows next
	leased  time.Time       // the end of the last lease; no two end at the same time
	undo    []lost          // turns whose answers were lost
	metrics metrics
}

// result is an attempt that ended, and its lane.
type result struct {
	lane    string
	kind    webhook.Kind
	attempt store.Attempt
	ok      bool
	aborted bool // by Run's end: it does not count
}

// New returns a Sender that does nothing before Run.
func New(o Options) *Sender {
	if o.MaxSockets == 0 {
		o.MaxSockets = 512
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	s := &Sender{Options: o, nudge: make(chan struct{}, 1), results: make(chan result, o.MaxSockets), lanes: newLanes(o.MaxSockets)}
	s.metrics = newMetrics(o.Metrics)
	o.Queue.OnDelivery(s.Nudge)
	return s
}

// Nudge says that there is something new to deliver. It never blocks.
func (s *Sender) Nudge() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// Run delivers until ctx ends. Then it claims nothing more, gives the calls in
// flight some seconds to end, records them and returns; what did not end is
// due again at once for whoever comes next. It returns nil, or an error if the
// last results could not be recorded (they will be sent again).
func (s *Sender) Run(ctx context.Context) error {
	calls, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer abort()
	s.takeOver(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.record = time.NewTimer(recordWait)
	defer s.record.Stop()
	pause := minPause
	for {
		select {
		case <-ctx.Done():
			return s.finish(ctx, abort)
		case r := <-s.results:
			s.collect(r)
		case <-s.nudge:
			s.look = time.Time{}
		case <-s.record.C:
			s.overdue = true
		case <-timer.C:
		}
		s.collectReady()
		if err := s.turn(ctx, calls); err != nil && ctx.Err() == nil {
			s.Log.Warn("webhook sender waits for the database", "error", err, "pause_ms", pause.Milliseconds())
			s.look = time.Time{}
			s.rest(ctx, pause)
			pause = min(2*pause, maxPause)
		} else {
			pause = minPause
		}
		timer.Reset(max(0, s.look.Sub(s.Clock.Now())))
	}
}

// rest waits while the database is away; results go on gathering.
func (s *Sender) rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// takeOver makes due what a dead sender had in flight: on SQLite there is no
// other process, so everything; else what carried this sender's name.
func (s *Sender) takeOver(ctx context.Context) {
	by := s.Name
	if !s.Queue.Shared() {
		by = ""
	}
	for pause := minPause; ; pause = min(2*pause, maxPause) {
		n, err := s.Queue.ReleaseDeliveries(ctx, by, s.Clock.Now())
		if err == nil {
			if n > 0 {
				s.Log.Info("webhook deliveries of a dead sender taken over", "deliveries", n)
			}
			return
		}
		s.Log.Warn("webhook sender cannot start yet", "error", err)
		if s.rest(ctx, pause); ctx.Err() != nil {
			return
		}
	}
}

// collectReady takes all results that are there, for one commit.
func (s *Sender) collectReady() {
	for {
		select {
		case r := <-s.results:
			s.collect(r)
		default:
			return
		}
	}
}

func (s *Sender) collect(r result) {
	room := s.lanes.done(r.lane, r.ok, s.Clock.Now())
	if s.more && room.Before(s.look) {
		s.look = room // this lane, or this socket, can take the next
	}
	if r.aborted {
		return
	}
	if s.pending = append(s.pending, r.attempt); len(s.pending) == 1 {
		s.record.Reset(recordWait)
	}
	if r.attempt.State == webhook.Pending && r.attempt.NextAt.Before(s.look) {
		s.look = r.attempt.NextAt
	}
	s.metrics.attempt(r)
	if r.attempt.State == webhook.Exhausted {
		s.Log.Warn("webhook delivery exhausted", "delivery_id", r.attempt.DeliveryID, "endpoint_id", r.attempt.EndpointID,
			"attempt", r.attempt.N, "status", r.attempt.Status, "failure", r.attempt.Failure)
	}
}

// turn records what is done, and claims and starts what is due.
func (s *Sender) turn(ctx, calls context.Context) error {
	now := s.Clock.Now()
	var want []store.Want
	if !now.Before(s.look) {
		all, err := s.Queue.DeliveryLanes(ctx)
		if err != nil {
			return err
		}
		s.lanes.forget(all)
		var wait time.Duration
		want, wait, s.more = s.lanes.plan(all, now, pollEvery)
		s.look = now.Add(wait)
	}
	if len(want)+len(s.undo) == 0 && !(len(s.pending) >= recordAt || (len(s.pending) > 0 && s.overdue)) {
		return nil
	}
	lease := s.lease(now)
	out, err := s.Queue.DeliveryTurn(ctx, store.Turn{
		Attempts: s.pending, FailedBefore: webhook.FailedBefore(now), Want: want, Lease: lease, Undo: s.leases(),
	})
	if err != nil {
		// It may have been committed: what it claimed would wait for the lease to
		// run out.
		if len(want) > 0 {
			s.undo = append(s.undo, lost{lease: lease})
		}
		return err
	}
	s.pending, s.overdue = s.pending[:0], false
	s.undone(now)
	for _, id := range out.Disabled {
		s.metrics.disabled.Inc()
		s.Log.Warn("webhook endpoint disabled", "endpoint_id", id)
	}
	if more, again := s.lanes.claimed(want, out.Claims); more {
		s.more = true
		if again {
			s.look = time.Time{}
		}
	}
	for _, c := range out.Claims {
		go func() { s.results <- s.attempt(calls, c) }() // the channel holds all that can be in flight
	}
	s.metrics.inFlight.Set(float64(s.lanes.inFlight))
	return nil
}

// lease returns a lease that ends when no other one does.
func (s *Sender) lease(now time.Time) store.Lease {
	until := now.Add(leaseTime).Truncate(time.Millisecond)
	if !until.After(s.leased) {
		until = s.leased.Add(time.Millisecond)
	}
	s.leased = until
	return store.Lease{By: s.Name, Now: now, Until: until}
}

// lost is a turn whose answer was lost.
type lost struct {
	lease  store.Lease
	undone time.Time // when its claims were given back first
}

// undoFor is how long claims of a lost turn are given back: a database that
// stood still may execute it some time after it goes on.
const undoFor = 5 * time.Second

func (s *Sender) leases() (list []store.Lease) {
	for _, l := range s.undo {
		list = append(list, l.lease)
	}
	return list
}

// undone notes that the claims of lost turns were given back now.
func (s *Sender) undone(now time.Time) {
	if len(s.undo) == 0 {
		return
	}
	if again := now.Add(pollEvery / 4); again.Before(s.look) {
		s.look = again // they are due
	}
	for i := range s.undo {
		if s.undo[i].undone.IsZero() {
			s.undo[i].undone = now
		}
	}
	s.undo = slices.DeleteFunc(s.undo, func(l lost) bool { return now.Sub(l.undone) > undoFor })
}

// finish waits for the calls in flight, aborts the rest, and records them.
func (s *Sender) finish(ctx context.Context, abort func()) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace+10*time.Second)
	defer cancel()
	timer := time.AfterFunc(grace, abort)
	defer timer.Stop()
	for s.lanes.inFlight > 0 {
		s.collect(<-s.results) // an aborted call ends too
	}
	s.metrics.inFlight.Set(0)
	now := s.Clock.Now()
	if len(s.pending) > 0 {
		_, err := s.Queue.DeliveryTurn(ctx, store.Turn{Attempts: s.pending, FailedBefore: webhook.FailedBefore(now), Lease: store.Lease{By: s.Name, Now: now, Until: now}})
		if err != nil {
			return errors.Join(errors.New("record the last webhook attempts"), err)
		}
	}
	_, err := s.Queue.ReleaseDeliveries(ctx, s.Name, now)
	return err
}
