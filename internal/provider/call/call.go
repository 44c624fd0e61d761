// Package call makes the calls to a calendar service for all its accounts: with
// a valid access token, within the limits, and again where a failure passes by
// itself within a few seconds. What lasts longer comes back as a
// *calendar.Error.
//
// It knows no service: what an answer means is told by Service.Classify. It
// logs nothing, and its errors hold neither URLs nor bodies.
package call

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/provider/access"
	"steno/internal/provider/throttle"
)

// Limits of a call.
const (
	// MaxAnswer bounds an answer after decompression: a page of 2,500 events has
	// up to some 20 MB.
	MaxAnswer = 64 << 20
	// maxError bounds what is read of a refusal.
	maxError = 256 << 10
	// Timeout of one try, with its answer.
	Timeout = 60 * time.Second
	// tries and patience bound what one call does about failures that pass by
	// themselves; after that it is the job's turn.
	tries    = 3
	patience = 12 * time.Second
	// A call that was refused because the mailbox had too many at a time has a
	// good chance a moment later.
	triesCrowded    = 8
	patienceCrowded = throttle.MaxWait
)

// Service is what a caller has to know of a service.
type Service struct {
	Platform calendar.Platform
	// Classify says what an answer of 400 and above means. It leaves Platform and
	// Op to the caller, and RetryAfter to the header, unless it knows better.
	Classify func(status int, header http.Header, body []byte) *calendar.Error
	// WholeClient reports whether a refusal is about the whole application, not
	// one mailbox: then all its calls pause. nil: never.
	WholeClient func(*calendar.Error) bool
	// Crowded reports whether a refusal is about the calls that the mailbox has
	// at a time, of all the customer's servers together. nil: never.
	Crowded func(*calendar.Error) bool
}

func (s Service) crowded(e *calendar.Error) bool {
	return e.Kind == calendar.RateLimited && s.Crowded != nil && s.Crowded(e)
}

// Caller makes calls. It is safe for concurrent use.
type Caller struct {
	Service Service
	HTTP    *http.Client // of a netguard.Service: it reaches the service's origin only
	Tokens  *access.Source
	Limiter *throttle.Limiter
	Clock   clock.Clock
	Sleep   throttle.Sleep
	// Most bounds an answer; 0: MaxAnswer.
	Most int64
}

// Account is on whose behalf a call is made.
type Account struct {
	Connection string
	Store      calendar.TokenStore
	// Mailbox is the key of the mailbox's limits; empty: the connection.
	Mailbox string
}

func (a Account) mailbox() string {
	if a.Mailbox != "" {
		return a.Mailbox
	}
	return a.Connection
}

// Spec is how a call is to be made.
type Spec struct {
	Account Account
	Op      string // for errors, as "list events"
	// Once: a failure after which it is unknown whether the call was carried out
	// is not followed by another try.
	Once bool
	// Timeout of one try; 0: Timeout.
	Timeout time.Duration
	// Keep, if set, gets the answer's body as it came, for callers whose library
	// hands out less than that.
	Keep *[]byte
}

// Do makes the call and returns an answer below 400 with its whole body read.
// The request needs GetBody if it has a body. Errors are *calendar.Error or ctx's.
func (c *Caller) Do(ctx context.Context, s Spec, req *http.Request) (*http.Response, error) {
	token, client, err := c.Tokens.Token(ctx, s.Account.Store, s.Account.Connection)
	if err != nil {
		return nil, err
	}
	renewed := false
	waited := time.Duration(0)
	for try := 1; ; try++ {
		res, err := c.once(ctx, s, req, token, client)
		if err == nil {
			return res, nil
		}
		e := calendar.AsError(err)
		switch {
		case e == nil || ctx.Err() != nil:
			return nil, err
		case e.Reason == unauthorized && !renewed:
			renewed = true
			try--
			if token, client, err = c.Tokens.Renew(ctx, s.Account.Store, s.Account.Connection, token); err != nil {
				return nil, err
			}
			continue
		case e.Reason == unauthorized:
			return nil, c.fail(s, calendar.PermissionDenied, "401", "the service refuses a fresh access token", nil)
		}
		wait, most, again := c.again(e, s, try)
		if waited += wait; !again || waited > most || (req.Body != nil && req.GetBody == nil) {
			return nil, err
		}
		if err := c.Sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// unauthorized marks an answer 401 until a new token has been tried.
const unauthorized = "401 unauthorized"

// again says whether and after what wait a failed call is made again, and how
// long the waits may be together.
func (c *Caller) again(e *calendar.Error, s Spec, try int) (wait, most time.Duration, again bool) {
	if c.Service.crowded(e) {
		return crowdedPause(e.RetryAfter, try), patienceCrowded, try < triesCrowded
	}
	if try >= tries {
		return 0, 0, false
	}
	backoff := time.Second<<(try-1) + rand.N(time.Second)
	switch e.Kind {
	case calendar.RateLimited: // refused unseen, so also a Once may be repeated
		if e.RetryAfter > 0 {
			return e.RetryAfter, patience, true
		}
		return backoff, patience, true
	case calendar.Transient: // what has taken its whole time will hardly be quick
		return max(e.RetryAfter, backoff/2), patience, !s.Once && e.Reason != TimedOut
	}
	return 0, 0, false
}

// crowdedPause is the wait after a refusal for the calls at a time: what the
// service asks for and some more, longer and wider from try to try, so that
// servers that were refused together do not come back together.
func crowdedPause(asked time.Duration, try int) time.Duration {
	step := min(250*time.Millisecond<<(try-1), 2*time.Second)
	return asked + step/2 + rand.N(step)
}

// once makes one try.
func (c *Caller) once(ctx context.Context, s Spec, req *http.Request, token, client string) (*http.Response, error) {
	release, err := c.Limiter.Acquire(ctx, client, s.Account.mailbox())
	if err != nil {
		var d *throttle.Delay
		if errors.As(err, &d) {
			e := c.fail(s, calendar.RateLimited, "", d.Error(), nil)
			e.RetryAfter = d.For
			return nil, e
		}
		return nil, err
	}
	defer release()
	timeout := s.Timeout
	if timeout == 0 {
		timeout = Timeout
	}
	tryCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r := req.Clone(tryCtx)
	if req.GetBody != nil {
		if r.Body, err = req.GetBody(); err != nil {
			return nil, c.fail(s, calendar.Refused, "", "the request could not be built", err)
		}
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := c.HTTP.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, s, err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return nil, c.refusal(s, res, client)
	}
	return c.read(ctx, s, res)
}

// read takes the answer in, so that one that breaks off is a failed try and
// not a broken page.
func (c *Caller) read(ctx context.Context, s Spec, res *http.Response) (*http.Response, error) {
	if res.StatusCode >= http.StatusMultipleChoices {
		return nil, c.fail(s, calendar.Transient, res.Status, "the service answered with a redirect", nil)
	}
	most := c.Most
	if most == 0 {
		most = MaxAnswer
	}
	// Not io.ReadAll, which copies a page of some megabytes a dozen times.
	var b bytes.Buffer
	b.Grow(int(min(max(res.ContentLength, 0), most)) + bytes.MinRead)
	_, err := b.ReadFrom(io.LimitReader(res.Body, most+1))
	body := b.Bytes()
	switch {
	case err != nil:
		return nil, c.unreachable(ctx, s, err)
	case int64(len(body)) > most:
		return nil, c.fail(s, calendar.Refused, TooLarge, "the service's answer is larger than any page should be", nil)
	case len(body) > 0 && !json.Valid(body):
		return nil, c.fail(s, calendar.Transient, "", "the service's answer is no complete JSON", nil)
	}
	if s.Keep != nil {
		*s.Keep = body
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	res.ContentLength = int64(len(body))
	return res, nil
}

// refusal turns an answer of 400 and above into an error, and lets the limiter
// know when the service asks to wait.
func (c *Caller) refusal(s Spec, res *http.Response, client string) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxError)) // the status speaks for itself
	after := throttle.ParseRetryAfter(res.Header.Get("Retry-After"), c.Clock.Now())
	if res.StatusCode == http.StatusUnauthorized {
		return c.fail(s, calendar.PermissionDenied, unauthorized, "the service refuses the access token", nil)
	}
	e := c.Service.Classify(res.StatusCode, res.Header, body)
	e.Platform, e.Op, e.RetryAfter = c.Service.Platform, s.Op, max(after, e.RetryAfter)
	if e.Kind == calendar.RateLimited {
		// Without a hint, the other calls of the mailbox hold their breath too.
		pause := max(after, time.Second)
		if c.Service.crowded(e) {
			c.Limiter.Crowded(client, s.Account.mailbox(), crowdedPause(after, 1))
		} else if c.Service.WholeClient != nil && c.Service.WholeClient(e) {
			c.Limiter.PauseClient(client, pause)
		} else {
			c.Limiter.PauseMailbox(client, s.Account.mailbox(), pause)
		}
	}
	return e
}

func (c *Caller) unreachable(ctx context.Context, s Spec, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error // its text holds the URL, and that may hold what is nobody's business
	if errors.As(err, &u) {
		err = u.Err
	}
	var n net.Error
	if errors.Is(err, context.DeadlineExceeded) || (errors.As(err, &n) && n.Timeout()) {
		return c.fail(s, calendar.Transient, TimedOut, "the service did not answer in time", nil)
	}
	return c.fail(s, calendar.Transient, "", "the service could not be reached", err)
}

// Reasons of answers that smaller pages may help against.
const (
	TimedOut = "timeout"
	TooLarge = "answer_too_large"
)

func (c *Caller) fail(s Spec, k calendar.ErrorKind, reason, message string, cause error) *calendar.Error {
	return &calendar.Error{Kind: k, Platform: c.Service.Platform, Op: s.Op, Reason: reason, Message: message, Err: cause}
}
