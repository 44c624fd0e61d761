package call

import (
	"context"
	"net/http"

	"steno/internal/calendar"
)

type specKey struct{}

// With marks a context with what Transport needs to know of a call.
func With(ctx context.Context, s Spec) context.Context { return context.WithValue(ctx, specKey{}, s) }

// Transport makes calls for client libraries that want an http.RoundTripper.
// The context of each request must come from With. A refusal is an error of
// the transport, not an answer: errors.As finds the *calendar.Error in what
// the library returns, and Unwrap takes it out.
type Transport struct{ Caller *Caller }

// RoundTrip implements http.RoundTripper.
func (t Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	s, ok := r.Context().Value(specKey{}).(Spec)
	if r.Body != nil {
		defer r.Body.Close()
	}
	if !ok {
		return nil, t.Caller.fail(s, calendar.Refused, "", "a call was made on nobody's behalf", nil)
	}
	return t.Caller.Do(r.Context(), s, r)
}

// Unwrap takes the error out of what a library wrapped around it. What is
// neither a *calendar.Error nor the context's is an answer that the library
// could not read.
func (c *Caller) Unwrap(ctx context.Context, s Spec, err error) error {
	switch e := calendar.AsError(err); {
	case err == nil:
		return nil
	case e != nil:
		return e
	case ctx.Err() != nil:
		return ctx.Err()
	}
	// The cause may quote what it could not read: an event's text.
	return c.fail(s, calendar.Transient, "", "the service's answer could not be read", nil)
}
