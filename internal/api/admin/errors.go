package admin

import (
	"context"
	"net/http"
	"strconv"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/api/httpx"
	"steno/internal/bot"
	"steno/internal/fail"
)

// AdminError is the body of every answer that is not a success. Its keys are
// those of the API v2.
type AdminError struct {
	Success    bool    `json:"success" doc:"always false"`
	Label      string  `json:"error" doc:"the HTTP status in words"`
	Code       string  `json:"code" doc:"for programs"`
	StatusCode int     `json:"statusCode"`
	Message    string  `json:"message" doc:"for people"`
	Details    *string `json:"details" doc:"more text"`
	RetryAfter int     `json:"retryAfter,omitempty" doc:"with 503: seconds to wait before the next try"`
}

// Error returns the message.
func (p *AdminError) Error() string { return p.Message }

// GetStatus returns the HTTP status.
func (p *AdminError) GetStatus() int { return p.StatusCode }

const (
	codeInternal = "FST_ERR_INTERNAL_SERVER_ERROR"
)

// GetHeaders returns the headers that go with the body.
func (p *AdminError) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	return h
}

// problem is the one function that turns an error into an answer. What is not
// the caller's fault goes to the log with its cause; the answer never shows it.
func (s *Surface) problem(ctx context.Context, err error) *AdminError {
	f := door.FaultOf(ctx, s.Log, err)
	if f.Error == nil {
		return newError(f.Status, codeInternal, door.Phrase, "")
	}
	return newError(f.Status, f.Error.Code, f.Error.Message, f.Error.Details)
}

func newError(status int, code, message, details string) *AdminError {
	p := &AdminError{Label: http.StatusText(status), Code: code, StatusCode: status, Message: message}
	if details != "" {
		p.Details = &details
	}
	if status == http.StatusServiceUnavailable {
		p.RetryAfter = int(httpx.RetryAfter.Seconds())
	}
	return p
}

// refused makes an answer of what is wrong with a request before any handler
// sees it.
func refused(r door.Refusal) door.Problem {
	switch r.Status {
	case http.StatusRequestEntityTooLarge:
		return newError(r.Status, account.CodeBadInput, door.TooLarge, "")
	case http.StatusUnsupportedMediaType:
		return newError(r.Status, account.CodeBadInput, door.NotJSON, "")
	case http.StatusRequestTimeout:
		return newError(r.Status, account.CodeBadInput, door.TooSlow, "")
	case http.StatusInternalServerError:
		return newError(r.Status, codeInternal, door.Phrase, "")
	}
	f := fail.As(bot.Invalid(r.Issues...))
	return newError(r.Status, account.CodeBadInput, f.Message, f.Details)
}
