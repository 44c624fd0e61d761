package contract

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// rootsV1 are what the paths of API v1 begin with.
var rootsV1 = map[string]bool{"bots": true, "calendars": true, "calendar_events": true, "internal": true, "zoom_oauth_connections": true}

// referenceOf returns the reference that says how a path is answered; nil: none.
func referenceOf(path string) *Reference {
	root, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case strings.HasPrefix(path+"/", "/api/v2/calendar/"):
		return LoadUnified()
	case root == "v2" && rest != "":
		return Load()
	case rootsV1[root]:
		return LoadV1()
	}
	return nil
}

var pascal = regexp.MustCompile(`^([A-Z][A-Za-z]*)+$`)

// bareAnswer is Answer for API v1, whose document has statuses of success only.
func (r *Reference) bareAnswer(method, path string, status int, header http.Header, body []byte) (bad []string) {
	o, known := r.Find(method, path)
	schema, documented := o.Statuses[strconv.Itoa(status)]
	if documented && schema == nil && status < http.StatusBadRequest {
		if len(body) > 0 {
			return []string{fmt.Sprintf("a body where there is none: %.200q", body)}
		}
		return nil
	}
	if t := header.Get("Content-Type"); t != "application/json" {
		bad = append(bad, fmt.Sprintf("Content-Type %q", t))
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	switch {
	case err != nil:
		return append(bad, fmt.Sprintf("not JSON: %v: %.200q", err, body))
	case documented && schema != nil:
		take(value, additions[o.ID])
		return append(bad, r.fits(schema, value)...)
	case status < 400:
		return append(bad, fmt.Sprintf("the status %d is not documented (operation known: %v)", status, known))
	}
	return append(bad, bareProblem(status, header, value)...)
}

// bareProblem checks the two keys of an error (digest 1.4).
func bareProblem(status int, header http.Header, value any) (bad []string) {
	object, _ := value.(map[string]any)
	message, _ := object["error"].(string)
	code, _ := object["code"].(string)
	if len(object) != 2 || message == "" || !pascal.MatchString(code) {
		bad = append(bad, "an error is a text error and a code such as CalendarNotFound")
	}
	if wait := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable; wait != (header.Get("Retry-After") != "") {
		bad = append(bad, fmt.Sprintf("Retry-After is %q", header.Get("Retry-After")))
	}
	return bad
}
