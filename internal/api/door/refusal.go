package door

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/bot"
)

// Refusal is what is wrong with a request that no handler saw.
type Refusal struct {
	// Status is 400, 408, 413, 415 or 500.
	Status int
	// Issues say what is wrong with the members of the request; with the status
	// 400 there is at least one.
	Issues []bot.Issue
}

// TooLarge, NotJSON and TooSlow say in words what a refusal with the statuses
// 413, 415 and 408 means.
const (
	TooLarge = "the request body is larger than 1 MB"
	NotJSON  = "the request body must be application/json"
	TooSlow  = "the request body did not arrive in time"
)

func refusal(status int, message string, errs []error) Refusal {
	switch status {
	case http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusRequestTimeout:
		return Refusal{Status: status}
	}
	if status >= http.StatusInternalServerError && message != "cannot read request body" {
		return Refusal{Status: http.StatusInternalServerError}
	}
	r := Refusal{Status: http.StatusBadRequest, Issues: Issues(errs)}
	if len(r.Issues) == 0 {
		r.Issues = []bot.Issue{{Pointer: "/", Rule: message}}
	}
	return r
}

// Issues says what is wrong for each of the errors that huma's validation found.
func Issues(errs []error) []bot.Issue {
	var issues []bot.Issue
	for _, err := range errs {
		issues = append(issues, issueOf(err))
	}
	return issues
}

// issueOf names field, rule and value of a broken rule.
func issueOf(err error) bot.Issue {
	var d huma.ErrorDetailer
	if !errors.As(err, &d) {
		return bot.Issue{Pointer: "/", Rule: err.Error()}
	}
	detail := d.ErrorDetail()
	pointer, isBody := pointerOf(detail.Location)
	rule := detail.Message
	// A missing property is reported at its parent; say where it belongs.
	if name, ok := strings.CutPrefix(rule, "expected required property "); ok {
		name = strings.TrimSuffix(name, " to be present")
		return bot.Issue{Pointer: strings.TrimSuffix(pointer, "/") + "/" + name, Rule: "is required"}
	}
	issue := bot.Issue{Pointer: pointer, Rule: rule}
	if pointer != "/" || !isBody {
		issue.Value = Harmless(pointer, detail.Value)
	}
	return issue
}

// pointerOf turns body.timeout_config.silence_timeout into a JSON pointer.
func pointerOf(location string) (pointer string, isBody bool) {
	where, rest, _ := strings.Cut(location, ".")
	rest = strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(rest)
	return "/" + rest, where == "body"
}

// Harmless returns a value that may be shown in an answer: short, plain, and
// not of a field that holds secrets.
func Harmless(pointer string, value any) any {
	for _, secret := range []string{"secret", "key", "token", "url", "code"} {
		if strings.Contains(pointer, secret) {
			return nil
		}
	}
	switch v := value.(type) {
	case string:
		if len(v) > 100 {
			return strings.ToValidUTF8(v[:100], "") + "…"
		}
		return v
	case bool, float64, int, int64, json.Number:
		return v
	}
	return nil
}

// JSON reads and writes bodies as they are: <, > and & are not escaped.
var JSON = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: json.Unmarshal,
}
