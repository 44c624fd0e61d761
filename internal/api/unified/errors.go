package unified

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/calendar/unified"
)

// Problem is the body of every answer that is not a success.
type Problem struct {
	Success bool   `json:"success" doc:"always false"`
	Message string `json:"error" doc:"what is wrong, and what to do"`
	Code    string `json:"code" doc:"for programs"`

	status int
	retry  int // seconds; 0: not said
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.status }

// GetHeaders returns the headers that go with the body.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	return h
}

// The codes that only this surface knows.
const (
	codeInternal     = "INTERNAL_ERROR"
	codeNotFound     = "NOT_FOUND"
	codeTooLarge     = "BODY_TOO_LARGE"
	codeMediaType    = "UNSUPPORTED_MEDIA_TYPE"
	codeTimeout      = "REQUEST_TIMEOUT"
	codeUnauthorized = "UNAUTHORIZED"
	codeForbidden    = "FORBIDDEN"
	codeRate         = "RATE_LIMITED"
	codeUnavailable  = "SERVICE_UNAVAILABLE"
)

// brief cuts what repeats what the client has sent.
func brief(text string) string {
	const most = 2000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// codes are this surface's words for what other rooms call differently.
var codes = map[string]string{
	account.CodeUnauthorized: codeUnauthorized, account.CodeForbidden: codeForbidden, bot.CodeValidation: unified.CodeValidation,
}

// problem is the one function that turns an error into an answer. What is not
// the caller's fault goes to the log with its cause; the answer never shows it.
func (s *Surface) problem(ctx context.Context, err error) *Problem {
	f := door.FaultOf(ctx, s.Log, err)
	if f.Error == nil {
		return &Problem{Message: door.Phrase, Code: codeInternal, status: f.Status}
	}
	p := &Problem{Message: brief(f.Error.Message), Code: f.Error.Code, status: f.Status, retry: f.Retry}
	if own, ok := codes[p.Code]; ok {
		p.Code = own
	}
	switch p.status {
	case http.StatusTooManyRequests:
		p.Code = codeRate
	case http.StatusServiceUnavailable:
		p.Code = codeUnavailable
	}
	return p
}
