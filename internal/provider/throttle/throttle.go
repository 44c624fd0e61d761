// Package throttle keeps calls to a calendar service within its limits. The
// quotas belong to the customer's application and are counted per mailbox, so
// both have a limit of their own: the application (client id) first, then the
// mailbox in it. Within an application every mailbox has at most InFlight calls
// waiting, so that a large calendar does not starve the others (trap 55).
//
// It decides when, not whether a failed call is made again.
package throttle

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"steno/internal/clock"
)

// Rate is a bucket: Burst calls at once, PerSecond after that. A PerSecond of 0
// is no limit.
type Rate struct {
	PerSecond float64
	Burst     int
}

// Limits of a service.
type Limits struct {
	Client  Rate
	Mailbox Rate
	// InFlight is how many calls a mailbox may have at a time; 0: no bound. It is
	// this process's own share: what others of the customer's servers call at the
	// same time shows in the service's refusals only (Crowded).
	InFlight int
}

// Google leaves room in the quota of a project, 10,000 calls a minute and 600 a
// minute for each user (sliding): bucket and refill together never exceed them.
var Google = Limits{Client: Rate{133, 2000}, Mailbox: Rate{6.6, 200}, InFlight: 6}

// Graph leaves room in the limits of Outlook, per application and mailbox
// 10,000 calls in 10 minutes and 4 at a time (trap 28); per application 13,000
// a second over all.
var Graph = Limits{Client: Rate{1000, 2000}, Mailbox: Rate{12.5, 2500}, InFlight: 4}

// MaxWait is the longest that a call waits for its turn; what would take longer
// is refused with a Delay, so that no worker is blocked meanwhile.
const MaxWait = 15 * time.Second

// keep is how long a bucket without calls is kept: until it is full again.
const keep = 10 * time.Minute

// Delay says that the limit is reached for longer than MaxWait.
type Delay struct{ For time.Duration }

// Error says how long.
func (d *Delay) Error() string {
	return fmt.Sprintf("the service's limit is reached; free again in %s", d.For.Round(time.Second))
}

// Sleep waits or returns ctx's error. A timer in production, a shortcut in tests.
type Sleep func(ctx context.Context, d time.Duration) error

// Timer is the Sleep of production.
func Timer(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Limiter holds the buckets. It is safe for concurrent use.
type Limiter struct {
	limits Limits
	clock  clock.Clock
	sleep  Sleep

	mu        sync.Mutex
	clients   map[string]*bucket
	mailboxes map[key]*bucket
	swept     time.Time
}

type key struct{ client, mailbox string }

type bucket struct {
	rate    *rate.Limiter // nil: no limit
	slots   slots
	until   time.Time // paused by the service until then
	used    time.Time
	holders int
}

// New returns a Limiter.
func New(l Limits, c clock.Clock, sleep Sleep) *Limiter {
	return &Limiter{limits: l, clock: c, sleep: sleep, clients: map[string]*bucket{}, mailboxes: map[key]*bucket{}}
}

// Acquire waits until a call of that mailbox may be made and returns what to
// call when its answer has been read. The error is a *Delay or ctx's.
func (l *Limiter) Acquire(ctx context.Context, client, mailbox string) (release func(), err error) {
	app, box := l.buckets(client, mailbox)
	done := func(held int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		app.holders--
		box.holders--
		box.slots.give(held)
	}
	if err := l.slot(ctx, box); err != nil {
		done(0)
		return nil, err
	}
	release = sync.OnceFunc(func() { done(1) })
	for _, b := range []*bucket{box, app} {
		if err := l.turn(ctx, b); err != nil {
			release()
			return nil, err
		}
	}
	return release, nil
}

// slot waits until the mailbox has less than its calls in flight.
func (l *Limiter) slot(ctx context.Context, box *bucket) error {
	l.mu.Lock()
	box.slots.widen(l.clock.Now())
	turn := box.slots.take()
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	box.slots.leave(turn)
	return ctx.Err()
}

// turn waits for a bucket: first the service's own pause, then the rate.
func (l *Limiter) turn(ctx context.Context, b *bucket) error {
	for range 5 { // another pause may come meanwhile; a clock that stands still must not hold us
		l.mu.Lock()
		now := l.clock.Now()
		wait := b.until.Sub(now)
		l.mu.Unlock()
		if wait <= 0 {
			break
		}
		if err := l.wait(ctx, wait); err != nil {
			return err
		}
	}
	if b.rate == nil {
		return ctx.Err()
	}
	now := l.clock.Now()
	r := b.rate.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if err := l.wait(ctx, wait); err != nil {
		r.CancelAt(l.clock.Now())
		return err
	}
	return nil
}

func (l *Limiter) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	if d > MaxWait {
		return &Delay{For: d}
	}
	return l.sleep(ctx, d)
}

// PauseMailbox keeps a mailbox silent for d: the service said so.
func (l *Limiter) PauseMailbox(client, mailbox string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause(l.mailboxes[key{client, mailbox}], d)
}

// Crowded says that the service refused a call because the mailbox had too many
// at a time: others than this process call it. The mailbox is silent for d, and
// then has half of its slots for a while, so that the processes find a share
// each that fits.
func (l *Limiter) Crowded(client, mailbox string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, now := l.mailboxes[key{client, mailbox}], l.clock.Now()
	if b != nil && !now.Before(b.until) { // the refusals of one moment narrow it once
		b.slots.narrow(now)
	}
	l.pause(b, d)
}

// PauseClient keeps a whole application silent for d.
func (l *Limiter) PauseClient(client string, d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause(l.clients[client], d)
}

func (l *Limiter) pause(b *bucket, d time.Duration) {
	if b == nil { // swept: it had no call for minutes
		return
	}
	if until := l.clock.Now().Add(d); until.After(b.until) {
		b.until = until
	}
}

func (l *Limiter) buckets(client, mailbox string) (app, box *bucket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	l.sweep(now)
	if app = l.clients[client]; app == nil {
		app = newBucket(l.limits.Client, 0)
		l.clients[client] = app
	}
	k := key{client, mailbox}
	if box = l.mailboxes[k]; box == nil {
		box = newBucket(l.limits.Mailbox, l.limits.InFlight)
		l.mailboxes[k] = box
	}
	for _, b := range []*bucket{app, box} {
		b.used = now
		b.holders++
	}
	return app, box
}

func newBucket(r Rate, most int) *bucket {
	b := &bucket{slots: slots{most: most, width: most}}
	if r.PerSecond > 0 {
		b.rate = rate.NewLimiter(rate.Limit(r.PerSecond), r.Burst)
	}
	return b
}

// sweep forgets buckets that have been full and unused for a while.
func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < keep {
		return
	}
	l.swept = now
	idle := func(b *bucket) bool { return b.holders == 0 && now.Sub(b.used) > keep && now.After(b.until) }
	for k, b := range l.clients {
		if idle(b) {
			delete(l.clients, k)
		}
	}
	for k, b := range l.mailboxes {
		if idle(b) {
			delete(l.mailboxes, k)
		}
	}
}
