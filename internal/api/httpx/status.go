package httpx

import (
	"net/http"

	"steno/internal/fail"
)

// StatusOf is the HTTP status of each kind of failure. One that is missing is
// our fault: 500.
var StatusOf = map[fail.Kind]int{
	fail.Invalid:       http.StatusBadRequest,
	fail.Unauthorized:  http.StatusUnauthorized,
	fail.Forbidden:     http.StatusForbidden,
	fail.NotFound:      http.StatusNotFound,
	fail.Conflict:      http.StatusConflict,
	fail.Limited:       http.StatusTooManyRequests,
	fail.Payment:       http.StatusPaymentRequired,
	fail.Unavailable:   http.StatusServiceUnavailable,
	fail.Unprocessable: http.StatusUnprocessableEntity,
	fail.Upstream:      http.StatusBadGateway,
	fail.Undelivered:   http.StatusInternalServerError,
}
