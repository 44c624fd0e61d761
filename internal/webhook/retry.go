package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind says which rules a delivery follows.
type Kind string

// The kinds.
const (
	ToEndpoint Kind = "endpoint" // an account webhook (digest 9.2)
	ToCallback Kind = "callback" // a bot's callback (digest 9.3)
	ToV1       Kind = "v1"       // a v1 endpoint, or a v1 bot's own address (digest 9.4)
)

// Delays before each attempt, counted from the attempt before it.
var (
	endpointDelays = []time.Duration{0, 5 * time.Second, 10 * time.Second, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, 2 * time.Hour}
	callbackDelays = []time.Duration{0, time.Second, 5 * time.Second, 15 * time.Second}
)

// Rules of retrying.
const (
	Timeout       = 30 * time.Second   // of one attempt, at most
	v1Timeout     = 10 * time.Second   // of one attempt, with ToV1
	Jitter        = 0.2                // each delay of an account webhook varies by ±20 %
	SlowDown      = 60 * time.Second   // shortest wait after a 429 or a timeout
	MaxRetryAfter = 2 * time.Hour      // a receiver can ask for no longer wait
	DisableAfter  = 5 * 24 * time.Hour // without one success
)

// Failure says why an attempt got no answer.
type Failure string

// The failures.
const (
	NoFailure  Failure = ""
	TimedOut   Failure = "timeout"
	Network    Failure = "network"     // DNS, connection, TLS or protocol
	NotAllowed Failure = "not_allowed" // we refused to call that address
	Misconfig  Failure = "unsendable"  // its secret does not open, or the request cannot be built
)

// Answer is how an attempt ended: a status, or a failure.
type Answer struct {
	Status     int
	RetryAfter time.Duration // what the receiver asked for; 0: nothing
	Failure    Failure
}

// OK reports whether the message counts as delivered: any 2xx, nothing else.
func (a Answer) OK() bool { return a.Failure == NoFailure && a.Status >= 200 && a.Status <= 299 }

// State is where a delivery stands.
type State string

// The states.
const (
	Pending   State = "pending"
	Delivered State = "delivered"
	Exhausted State = "exhausted" // the last attempt failed, or a failure was final
	Dropped   State = "dropped"   // its endpoint was disabled or removed
)

// Decision is what follows from an attempt.
type Decision struct {
	State State
	Delay time.Duration // until the next attempt, if Pending
	// DisableEndpoint: the receiver said that it is gone for good (410).
	DisableEndpoint bool
}

// Timeout returns how long an attempt may take.
func (k Kind) Timeout() time.Duration {
	if k == ToV1 {
		return v1Timeout
	}
	return Timeout
}

// Attempts returns how often a delivery of this kind is tried at most.
func (k Kind) Attempts() int { return len(k.delays()) }

func (k Kind) delays() []time.Duration {
	if k == ToCallback {
		return callbackDelays
	}
	return endpointDelays
}

// Next decides what follows when attempt number n (from 1) ended with a.
// random is in [0,1) and places the delay in its band of ±20 %.
func (k Kind) Next(n int, a Answer, random float64) Decision {
	if a.OK() {
		return Decision{State: Delivered}
	}
	if k == ToCallback && !callbackRetries(a) {
		return Decision{State: Exhausted}
	}
	gone := k != ToCallback && a.Failure == NoFailure && a.Status == http.StatusGone
	if gone || n >= k.Attempts() {
		return Decision{State: Exhausted, DisableEndpoint: gone}
	}
	delay := k.delays()[n]
	if k == ToCallback {
		return Decision{State: Pending, Delay: delay}
	}
	delay = time.Duration(float64(delay) * (1 - Jitter + 2*Jitter*random))
	if a.Status == http.StatusTooManyRequests || a.Failure == TimedOut {
		delay = max(delay, SlowDown)
	}
	return Decision{State: Pending, Delay: max(delay, min(a.RetryAfter, MaxRetryAfter))}
}

// callbackRetries: network errors and 5xx only.
func callbackRetries(a Answer) bool {
	switch a.Failure {
	case TimedOut, Network:
		return true
	case NoFailure:
		return a.Status >= 500
	}
	return false
}

// FailedBefore returns the moment since when an endpoint must have been
// failing, without a single success, to be disabled now.
func FailedBefore(now time.Time) time.Time { return now.Add(-DisableAfter) }

// ParseRetryAfter reads a Retry-After header: seconds or an HTTP date (RFC
// 9110, section 10.2.3). Anything else, and a date in the past, is 0.
func ParseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if s, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(s) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
