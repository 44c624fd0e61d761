package calendar

import (
	"errors"
	"fmt"
	"time"

	"steno/internal/fail"
)

// ErrorKind says what a failed call to a service means for the connection.
type ErrorKind string

// The kinds of failure.
const (
	// CursorLost: the cursor is worth nothing any more; a full round is needed.
	CursorLost ErrorKind = "cursor_lost"
	// Revoked: the refresh token is dead, believed after a second look. Only
	// the user's consent brings the connection back.
	Revoked ErrorKind = "revoked"
	// PermissionDenied: the credentials are good but may not do this.
	PermissionDenied ErrorKind = "permission_denied"
	// NotFound: the calendar, series or event does not exist (any more).
	NotFound ErrorKind = "not_found"
	// RateLimited: come back after RetryAfter.
	RateLimited ErrorKind = "rate_limited"
	// Transient: the service or the network failed; try again.
	Transient ErrorKind = "transient"
	// BadClient: the customer's application is wrong: client id, secret or
	// tenant. The refresh token may be good.
	BadClient ErrorKind = "bad_client"
	// Unlicensed: the account has no mailbox that the service can reach.
	Unlicensed ErrorKind = "unlicensed"
	// Unsupported: the service has no such thing for this calendar.
	Unsupported ErrorKind = "unsupported"
	// Refused: the service does not accept the request; repeating it is useless.
	Refused ErrorKind = "refused"
)

// Inexpressible is the Reason of a refusal: the service has no words for a
// recurrence. The message says why, and what to do.
const Inexpressible = "inexpressible"

// Error is a failed call to a service.
type Error struct {
	Kind     ErrorKind
	Platform Platform
	Op       string // what was tried, as "list events"
	// Reason is the service's own code, as "invalid_grant" or "AADSTS700082".
	Reason string
	// Message is for people. It holds no secret and nothing of an event.
	Message string
	// RetryAfter is how long to wait; 0: the caller decides.
	RetryAfter time.Duration
	// AuthStage: it happened while a token was fetched.
	AuthStage bool
	Err       error // the cause, for logs; may be nil
}

// Error says who refused what and why.
func (e *Error) Error() string {
	text := fmt.Sprintf("%s: %s: %s", e.Platform, e.Op, e.Message)
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError returns the Error in err's chain, or nil.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// IsKind reports whether err is an Error of that kind.
func IsKind(err error, k ErrorKind) bool {
	e := AsError(err)
	return e != nil && e.Kind == k
}

// away reports whether err says that our own database is away, also when it was
// asked for credentials in the middle of a call: the service and the connection
// are not at fault.
func away(err error) bool { return fail.Is(err, fail.Unavailable) }
