package v1

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"steno/internal/account"
	"steno/internal/api/door"
	"steno/internal/bot"
	"steno/internal/fail"
)

// Problem is the body of every answer that is not a success (digest 1.4).
type Problem struct {
	Message string `json:"error" doc:"what is wrong, for people"`
	Code    string `json:"code" doc:"the same for programs, as CalendarNotFound"`

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
	codeInternal    = "InternalServerError"
	codeNotFound    = "NotFound"
	codeMethod      = "MethodNotAllowed"
	codeTooLarge    = "BodyTooLarge"
	codeMediaType   = "UnsupportedMediaType"
	codeTimeout     = "RequestTimeout"
	codeUnavailable = "ServiceUnavailable"
	codeValidation  = "ValidationError"
)

// names are codes of the rooms that have a name of their own here.
var names = map[string]string{account.CodeUnauthorized: "InvalidApiKey", bot.CodeValidation: codeValidation}

// nameOf turns a code of the rooms, as FST_ERR_BOT_NOT_FOUND_BY_ID, into this
// surface's: BotNotFound.
func nameOf(code string) string {
	if name := names[code]; name != "" {
		return name
	}
	var b strings.Builder
	for word := range strings.SplitSeq(strings.TrimSuffix(strings.TrimPrefix(code, "FST_ERR_"), "_BY_ID"), "_") {
		if word != "" {
			b.WriteString(word[:1] + strings.ToLower(word[1:]))
		}
	}
	return b.String()
}

// problem is the one function that turns an error into an answer. What is not
// the caller's fault goes to the log with its cause; the answer never shows it.
func (s *Surface) problem(ctx context.Context, err error) *Problem {
	var ready *Problem
	if errors.As(err, &ready) {
		return ready
	}
	f := door.FaultOf(ctx, s.Log, err)
	if f.Error == nil {
		return newProblem(f.Status, codeInternal, door.Phrase)
	}
	p := newProblem(f.Status, nameOf(f.Error.Code), f.Error.Message)
	p.retry = f.Retry
	return p
}

func newProblem(status int, code, message string) *Problem {
	p := &Problem{Message: message, Code: code, status: status}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		p.retry = 1
	}
	return p
}

// refused makes problems of what is wrong with a request before any handler sees
// it.
func refused(r door.Refusal) door.Problem {
	switch r.Status {
	case http.StatusRequestEntityTooLarge:
		return newProblem(r.Status, codeTooLarge, door.TooLarge)
	case http.StatusUnsupportedMediaType:
		return newProblem(r.Status, codeMediaType, door.NotJSON)
	case http.StatusRequestTimeout:
		return newProblem(r.Status, codeTimeout, door.TooSlow)
	case http.StatusInternalServerError:
		return newProblem(r.Status, codeInternal, door.Phrase)
	}
	return newProblem(http.StatusBadRequest, codeValidation, fail.As(bot.Invalid(r.Issues...)).Message)
}

// renamed says in this surface's names of fields what a room finds wrong with
// them.
func renamed(err error, fields *strings.Replacer) error {
	f := fail.As(err)
	if f == nil || f.Kind != fail.Invalid {
		return err
	}
	return fail.Wrap(err, f.Kind, f.Code, "%s", fields.Replace(f.Message))
}

func answer(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// NotFound answers a path that does not exist.
func (s *Surface) NotFound(w http.ResponseWriter, r *http.Request) {
	answer(w, newProblem(http.StatusNotFound, codeNotFound, "there is nothing at "+r.Method+" "+r.URL.Path))
}

// MethodNotAllowed answers a path that exists for other methods, and names them.
func (s *Surface) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", door.Allowed(r))
	answer(w, newProblem(http.StatusMethodNotAllowed, codeMethod, r.Method+" is not possible at "+r.URL.Path))
}

// Panicked answers a request whose handler panicked.
func (s *Surface) Panicked(w http.ResponseWriter, _ *http.Request) {
	answer(w, newProblem(http.StatusInternalServerError, codeInternal, door.Phrase))
}
