package v2

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/fail"
)

// Problem is the body of every answer that is not a success: always these six
// keys, and retryAfter with 429 and 503 (digest 1.3).
type Problem struct {
	Success    bool    `json:"success" doc:"always false"`
	Label      string  `json:"error" doc:"the HTTP status in words"`
	Code       string  `json:"code" doc:"for programs"`
	StatusCode int     `json:"statusCode"`
	Message    string  `json:"message" doc:"for people"`
	Details    *string `json:"details" doc:"more text, or a list of issues as JSON"`
	RetryAfter int     `json:"retryAfter,omitempty" doc:"seconds to wait before the next try"`
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.StatusCode }

// GetHeaders returns the headers that go with the body.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	return h
}

// The codes that only this surface knows.
const (
	codeInternal    = "FST_ERR_INTERNAL_SERVER_ERROR"
	codeNotFound    = "FST_ERR_NOT_FOUND"
	codeMethod      = "FST_ERR_METHOD_NOT_ALLOWED"
	codeTooLarge    = "FST_ERR_CTP_BODY_TOO_LARGE"
	codeMediaType   = "FST_ERR_CTP_INVALID_MEDIA_TYPE"
	codeTimeout     = "FST_ERR_REQUEST_TIMEOUT"
	codeHTTP        = "FST_ERR_BAD_REQUEST" // not what HTTP allows
	codeUnavailable = "FST_ERR_SERVICE_UNAVAILABLE"
)

// problem is the one function that turns an error into an answer. What is not
// the caller's fault goes to the log with its cause; the answer never shows it.
func (s *Surface) problem(ctx context.Context, err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	f := door.FaultOf(ctx, s.Log, err)
	if f.Error == nil {
		return newProblem(f.Status, codeInternal, door.Phrase, "")
	}
	p := newProblem(f.Status, f.Error.Code, f.Error.Message, f.Error.Details)
	p.RetryAfter = f.Retry
	return p
}

func newProblem(status int, code, message, details string) *Problem {
	p := &Problem{Label: http.StatusText(status), Code: code, StatusCode: status, Message: message}
	if details != "" {
		p.Details = &details
	}
	switch status {
	case http.StatusTooManyRequests:
		p.Label, p.RetryAfter = "Rate Limited", 1
	case http.StatusServiceUnavailable:
		p.RetryAfter = 1
	}
	return p
}

// refused makes problems of what is wrong with a request before any handler
// sees it.
func refused(r door.Refusal) door.Problem {
	switch r.Status {
	case http.StatusRequestEntityTooLarge:
		return newProblem(r.Status, codeTooLarge, door.TooLarge, "")
	case http.StatusUnsupportedMediaType:
		return newProblem(r.Status, codeMediaType, door.NotJSON, "")
	case http.StatusRequestTimeout:
		return newProblem(r.Status, codeTimeout, door.TooSlow, "")
	case http.StatusInternalServerError:
		return newProblem(r.Status, codeInternal, door.Phrase, "")
	}
	f := fail.As(bot.Invalid(r.Issues...))
	return newProblem(http.StatusBadRequest, f.Code, f.Message, f.Details)
}

func answer(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.StatusCode)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// NotFound answers a path that does not exist.
func (s *Surface) NotFound(w http.ResponseWriter, r *http.Request) {
	answer(w, newProblem(http.StatusNotFound, codeNotFound, "there is nothing at "+r.Method+" "+r.URL.Path, ""))
}

// MethodNotAllowed answers a path that exists for other methods, and names them.
func (s *Surface) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", door.Allowed(r))
	answer(w, newProblem(http.StatusMethodNotAllowed, codeMethod, r.Method+" is not possible at "+r.URL.Path, ""))
}

// Refusal is the answer to what is no request at all, see httpx.Refuse.
func Refusal(status int, reason string) []byte {
	text, err := json.Marshal(newProblem(status, codeHTTP, "this is no HTTP request that can be answered: "+reason, ""))
	if err != nil {
		panic("v2: refusal: " + err.Error()) // texts only
	}
	return text
}

// Panicked answers a request whose handler panicked.
func (s *Surface) Panicked(w http.ResponseWriter, _ *http.Request) {
	answer(w, newProblem(http.StatusInternalServerError, codeInternal, door.Phrase, ""))
}
