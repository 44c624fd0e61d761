// Package fail holds the one error type of the program: an error with a
// machine code, a sentence for people and whose fault it was. Domain packages
// return it; each API surface turns it into its own response in one function.
//
// It must not know HTTP, SQL or any API surface.
package fail

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of failure it is, so that a surface can pick a status.
type Kind string

// The kinds of failure.
const (
	Invalid       Kind = "invalid"       // the request breaks a rule; the caller must change it
	Unauthorized  Kind = "unauthorized"  // no key, or a key nobody knows
	Forbidden     Kind = "forbidden"     // a known key without the permission
	NotFound      Kind = "not_found"     // unknown, or another team's
	Conflict      Kind = "conflict"      // not allowed in the present state
	Limited       Kind = "limited"       // a rate or cap was reached
	Unprocessable Kind = "unprocessable" // understood, but the meeting does not allow it
	Undelivered   Kind = "undelivered"   // a bot did not do what it was asked to; the message may be shown
	Payment       Kind = "payment"       // the balance does not suffice
	Unavailable   Kind = "unavailable"   // a dependency of ours is down; try again
	Upstream      Kind = "upstream"      // a service on which the request depends has failed
	Internal      Kind = "internal"      // our fault
)

// Error is a failure with a machine code. Code is the name that the API
// documents (for v2: with the FST_ERR_ prefix). Message is for people and
// holds no secret. Details is optional: more text, or a list of issues as JSON.
type Error struct {
	Kind    Kind
	Code    string
	Message string
	Details string
	// RetryAfter is when the same may succeed; 0: not said.
	RetryAfter time.Duration
	Err        error // the cause, for logs; never sent to a client
}

// Error returns the message, followed by the cause if there is one.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an Error; the message is formatted as by fmt.Sprintf.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error around a cause.
func Wrap(err error, kind Kind, code, format string, args ...any) *Error {
	e := New(kind, code, format, args...)
	e.Err = err
	return e
}

// As returns the Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Is reports whether err carries an Error of that kind.
func Is(err error, kind Kind) bool {
	e := As(err)
	return e != nil && e.Kind == kind
}
