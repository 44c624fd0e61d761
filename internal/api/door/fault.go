package door

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"steno/internal/api/httpx"
	"steno/internal/fail"
)

// Phrase is all that callers are told of what is our fault.
const Phrase = "something went wrong on our side; the request id helps to find it in the log"

// codeUnavailable is what a handler comes to that took too long.
const codeUnavailable = "FST_ERR_SERVICE_UNAVAILABLE"

// Fault is what an error means to the caller, before a surface puts it into its
// own words.
type Fault struct {
	Status int
	// Error says what is wrong. Nil with the status 500: Phrase is all to be told.
	Error *fail.Error
	// Retry is the seconds to wait with the statuses 429 and 503; otherwise 0.
	Retry int
}

// FaultOf sorts an error. What is not the caller's fault goes to the log with its
// cause.
func FaultOf(ctx context.Context, log *slog.Logger, err error) Fault {
	f := fail.As(err)
	switch {
	case f != nil:
	case errors.Is(err, context.DeadlineExceeded): // of a handler
		f = fail.Wrap(err, fail.Unavailable, codeUnavailable, "this took too long; try again in a moment")
	default:
		f = fail.Wrap(err, fail.Internal, "", "unexpected error")
	}
	out := Fault{Status: http.StatusInternalServerError, Error: f}
	if status, ok := httpx.StatusOf[f.Kind]; ok {
		out.Status = status
	}
	if out.Status >= http.StatusInternalServerError {
		log.Error("request failed", "code", f.Code, "error", err, "request_id", httpx.RequestID(ctx))
	}
	switch {
	case out.Status == http.StatusInternalServerError && f.Kind != fail.Undelivered:
		out.Error = nil
	case out.Status == http.StatusTooManyRequests, out.Status == http.StatusServiceUnavailable:
		out.Retry = max(1, WholeSeconds(f.RetryAfter))
	}
	return out
}
