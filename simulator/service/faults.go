package service

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Kind is a way to misbehave.
type Kind string

// The kinds. Which of them a service has is in its package.
const (
	Gone          Kind = "gone"            // 410: the sync token or delta link is lost
	GoneSilently  Kind = "gone_40x"        // the same as a 400 syncStateNotFound (Graph)
	TooMany       Kind = "too_many"        // 429 with Retry-After
	TooManySilent Kind = "too_many_silent" // 429, or 403 rateLimitExceeded, without
	ServerError   Kind = "server_error"    // 500, 502, 503
	Slow          Kind = "slow"            // answers late
	Truncated     Kind = "truncated"       // half of the JSON
	Garbage       Kind = "garbage"         // an HTML page with status 200
	AfterEffect   Kind = "after_effect"    // does it, then says it failed
	LateAnswer    Kind = "late_answer"     // does it at once, and answers late
	HangUp        Kind = "hang_up"         // closes the connection

	EmptyPage Kind = "empty_page" // a page without items in the middle of a list
	ShortPage Kind = "short_page" // fewer items than asked for

	Bare            Kind = "bare"             // Graph: occurrences without subject and body
	MissingTomb     Kind = "missing_tomb"     // Graph: no @removed for a deleted occurrence
	MissingMaster   Kind = "missing_master"   // Graph: occurrences without their master
	StrayTomb       Kind = "stray_tomb"       // Graph: @removed of what was never in the window
	NoFields        Kind = "no_fields"        // Graph: exceptions without what they inherit
	DoubledRow      Kind = "doubled_row"      // Graph: the same id twice in a round
	PushDrop        Kind = "push_drop"        // a push is lost
	PushDuplicate   Kind = "push_duplicate"   // or sent twice
	PushReorder     Kind = "push_reorder"     // or after the next one
	PushBeforeReply Kind = "push_before"      // Google: the sync message comes before the answer of watch; transcription: the callback before that of the job
	PushStray       Kind = "push_stray"       // Graph: a batch with items of strangers
	PushExtra       Kind = "push_extra"       // Graph: several notifications for one change
	LifecycleMissed Kind = "lifecycle_missed" // Graph: says that a notification was missed
	OtherZone       Kind = "other_zone"       // Graph: answers in a zone that was not asked for

	JobFails Kind = "job_fails" // transcription: the service gives a job up
	JobStuck Kind = "job_stuck" // transcription: a job never ends
)

// Faults are probabilities, 0 to 1, for each call, page, row or push.
type Faults map[Kind]float64

// kinds lists all.
var kinds = []Kind{Gone, GoneSilently, TooMany, TooManySilent, ServerError, Slow, Truncated, Garbage, AfterEffect, LateAnswer, HangUp, EmptyPage, ShortPage, Bare,
	MissingTomb, MissingMaster, StrayTomb, NoFields, DoubledRow, PushDrop, PushDuplicate, PushReorder, PushBeforeReply, PushStray, PushExtra,
	LifecycleMissed, OtherZone, JobFails, JobStuck}

// Check reports a kind that is none and a rate that is no probability.
func (f Faults) Check() error {
	for k, rate := range f {
		if !slices.Contains(kinds, k) {
			return fmt.Errorf("unknown fault %q; there are %v", k, kinds)
		}
		if rate < 0 || rate > 1 {
			return fmt.Errorf("fault %s: %g is not a rate from 0 to 1", k, rate)
		}
	}
	return nil
}

func (f Faults) merge(other Faults) { maps.Copy(f, other) }

// Common are the rates that both services have when they are not polite.
func Common() Faults {
	return Faults{Gone: .01, TooMany: .01, TooManySilent: .01, ServerError: .02, Slow: .02, Truncated: .01, Garbage: .002, AfterEffect: .01,
		HangUp: .005, EmptyPage: .05, ShortPage: .05, PushDrop: .03, PushDuplicate: .05, PushReorder: .05, PushBeforeReply: .5}
}

// SetFaults replaces the rates that are named; those of others stay.
func (c *Core) SetFaults(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := maps.Clone(c.faults)
	next.merge(f)
	c.faults = next
}

// Pacify makes the fake polite: no faults but the ways that the real service
// always has. Injections that are still to come are forgotten.
func (c *Core) Pacify() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = maps.Clone(c.always)
	c.inject = nil
}

// Rates returns the rates that are not zero.
func (c *Core) Rates() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.faults)
}

// Roll decides whether something happens now. The decisions under one key
// follow from the seed and the order under this key, whatever happens under
// other keys meanwhile.
func (c *Core) Roll(kind Kind, key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roll(kind, key)
}

func (c *Core) roll(kind Kind, key string) bool {
	rate := c.faults[kind]
	if rate <= 0 {
		return false
	}
	full := string(kind) + " " + key
	n := c.rolled[full]
	c.rolled[full] = n + 1
	return float64(hash(c.Seed, kind, key, n)>>11)/(1<<53) < rate
}

// Chance decides the same way every time it is asked about one key, as the
// pages of one list must.
func (c *Core) Chance(kind Kind, key string) bool {
	c.mu.Lock()
	rate := c.faults[kind]
	c.mu.Unlock()
	return rate > 0 && float64(hash(c.Seed, kind, key, 0)>>11)/(1<<53) < rate
}

// Injection is a fault that will happen for certain.
type Injection struct {
	// Method is the call: "events.list", "token"; "" for any.
	Method string `json:"method"`
	// Account limits it to the calls of one account.
	Account string `json:"account,omitempty"`
	Kind    Kind   `json:"kind"`
	// Skip lets so many calls pass first.
	Skip int `json:"skip,omitempty"`
	// Times is how often it happens; 0 is once, -1 until it is replaced.
	Times int `json:"times,omitempty"`
	// Status and Body replace the answer of the fault, Kind may then be empty.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// RetryAfter, in seconds, is sent with too_many.
	RetryAfter int `json:"retry_after,omitempty"`
	// Delay is how long a slow call or a late answer takes.
	Delay time.Duration `json:"delay,omitempty"`
}

// Inject plans a fault. Several may be planned; a call takes the first that
// fits.
func (c *Core) Inject(i Injection) {
	if i.Times == 0 {
		i.Times = 1
	}
	c.mu.Lock()
	c.inject = append(c.inject, &i)
	c.mu.Unlock()
}

// called are the faults of a call as such. The others are rolled where they
// belong, but can be injected as well.
var called = []Kind{TooMany, TooManySilent, ServerError, Slow, Truncated, Garbage, AfterEffect, LateAnswer, HangUp}

// Fate is what will happen to a call.
type Fate struct {
	Kind       Kind // "" for nothing
	Status     int
	Body       string
	RetryAfter int
	Delay      time.Duration
	n          uint64
}

// Decide finds the fate of a call.
func (c *Core) Decide(method, account string) Fate {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, i := range c.inject {
		if i.Method != "" && i.Method != method || i.Account != "" && i.Account != account || !slices.Contains(called, i.Kind) && i.Status == 0 {
			continue
		}
		if i.Skip > 0 {
			i.Skip--
			continue
		}
		c.spend(at)
		return Fate{Kind: i.Kind, Status: i.Status, Body: i.Body, RetryAfter: i.RetryAfter, Delay: i.Delay}
	}
	key := method + " " + account
	for _, k := range called {
		if c.roll(k, key) {
			return Fate{Kind: k, n: hash(c.Seed, k, key, c.rolled[string(k)+" "+key])}
		}
	}
	return Fate{}
}

func (c *Core) spend(at int) {
	i := c.inject[at]
	if i.Times > 0 {
		if i.Times--; i.Times == 0 {
			c.inject = slices.Delete(c.inject, at, at+1)
		}
	}
}

// Happens is Roll for the faults that belong to a place inside a call; an
// injection of the kind comes first.
func (c *Core) Happens(kind Kind, method, account string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at, i := range c.inject {
		if i.Kind != kind || i.Method != "" && i.Method != method || i.Account != "" && i.Account != account {
			continue
		}
		if i.Skip > 0 {
			i.Skip--
			return false
		}
		c.spend(at)
		return true
	}
	return c.roll(kind, method+" "+account)
}

// Reply is an answer before it is written.
type Reply struct {
	Status int
	Header http.Header
	Body   any // encoded as JSON; []byte and string as they are; nil: none
}

// Voice words the failures in the service's own way.
type Voice interface {
	TooMany(retryAfter int) Reply
	TooManySilent(n uint64) Reply
	ServerError(n uint64) Reply
}

// Run answers a call with what happens to it: do, or a fault, or both.
func (c *Core) Run(w http.ResponseWriter, r *http.Request, method, account string, voice Voice, do func() Reply) {
	c.Count(method, account)
	fate := c.Decide(method, account)
	if !c.pause(r, c.Latency+c.late(fate, Slow)) {
		return
	}
	switch fate.Kind {
	case TooMany:
		if fate.RetryAfter == 0 {
			fate.RetryAfter = 1
		}
		c.write(w, fate.over(voice.TooMany(fate.RetryAfter)))
		return
	case TooManySilent:
		c.write(w, fate.over(voice.TooManySilent(fate.n)))
		return
	case ServerError:
		c.write(w, fate.over(voice.ServerError(fate.n)))
		return
	case HangUp:
		panic(http.ErrAbortHandler)
	case Garbage:
		c.write(w, fate.over(Reply{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<!DOCTYPE html><title>Sorry</title>"}))
		return
	}
	if fate.Kind == "" && fate.Status != 0 {
		c.write(w, fate.over(Reply{}))
		return
	}
	reply := do()
	switch fate.Kind {
	case AfterEffect:
		reply = fate.over(voice.ServerError(fate.n))
	case Truncated:
		body := encode(reply.Body)
		reply.Body = body[:len(body)/2]
	case LateAnswer:
		if !c.pause(r, c.late(fate, LateAnswer)) {
			return
		}
	}
	c.write(w, reply)
}

func (f Fate) over(r Reply) Reply {
	if f.Status != 0 {
		r.Status = f.Status
	}
	if f.Body != "" {
		r.Body = f.Body
	}
	return r
}

// late is how long a call of a kind takes longer than others.
func (c *Core) late(fate Fate, kind Kind) time.Duration {
	switch {
	case fate.Kind != kind:
		return 0
	case fate.Delay == 0:
		return c.SlowFor
	}
	return max(fate.Delay, 0)
}

// pause waits; false when the caller has gone meanwhile.
func (c *Core) pause(r *http.Request, wait time.Duration) bool {
	if wait == 0 {
		return true
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
