package contract

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// undocumentedUnified are statuses that any operation of the unified calendar may
// answer with beside those that were decided for it.
var undocumentedUnified = map[int]string{
	408: "the body did not arrive in time",
	409: "a request with the same Idempotency-Key is under way, or the team has as many feeds as it may",
	413: "the body is too large",
	415: "the body is no JSON",
	429: "too many requests that change something",
	500: "a fault of ours",
	503: "the database or an issuer of tokens is away; try again",
}

// unifiedAnswer is Answer for the unified calendar.
func (r *Reference) unifiedAnswer(method, path string, status int, header http.Header, body []byte) (bad []string) {
	o, known := r.Find(method, path)
	schema, documented := o.Statuses[strconv.Itoa(status)]
	if documented && schema == nil {
		return notJSON(status, header, body)
	}
	if t := header.Get("Content-Type"); t != "application/json" {
		bad = append(bad, fmt.Sprintf("Content-Type %q", t))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	switch {
	case err != nil:
		return append(bad, fmt.Sprintf("not JSON: %v: %.200q", err, body))
	case status < 300 && !documented:
		return append(bad, fmt.Sprintf("the status %d is not documented (operation known: %v)", status, known))
	case status < 300:
		bad = append(bad, troubles(r, value)...)
		take(value, additions[o.ID])
		return append(bad, r.fits(schema, value)...)
	case known && !documented && undocumentedUnified[status] == "":
		bad = append(bad, fmt.Sprintf("the status %d is not documented", status))
	case !known && status != http.StatusNotFound && status != http.StatusInternalServerError:
		bad = append(bad, fmt.Sprintf("the status %d where there is nothing", status))
	}
	// Also a service that is overloaded may say when to come again.
	must := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
	if wait := header.Get("Retry-After"); must && wait == "" || wait != "" && !must && status != http.StatusBadGateway {
		bad = append(bad, fmt.Sprintf("Retry-After is %q", wait))
	}
	return append(bad, r.fits(Schema{"$ref": "#/schemas/Error"}, value)...)
}

// troubles checks the addition that has a shape of its own.
func troubles(r *Reference, value any) (bad []string) {
	object, _ := value.(map[string]any)
	list, has := object["errors"].([]any)
	if has && len(list) == 0 {
		bad = append(bad, "errors is there and empty")
	}
	for _, one := range list {
		bad = append(bad, r.fits(Schema{"$ref": "#/schemas/Trouble"}, one)...)
	}
	return bad
}

// notJSON checks the answers of feeds: a calendar as text, or nothing.
func notJSON(status int, header http.Header, body []byte) (bad []string) {
	if header.Get("Etag") == "" {
		bad = append(bad, "no ETag")
	}
	if status == http.StatusNotModified {
		if len(body) > 0 {
			bad = append(bad, fmt.Sprintf("a body where there is none: %.200q", body))
		}
		return bad
	}
	if t := header.Get("Content-Type"); t != "text/calendar; charset=utf-8" {
		bad = append(bad, fmt.Sprintf("Content-Type %q", t))
	}
	lines := strings.Split(string(body), "\r\n")
	if lines[0] != "BEGIN:VCALENDAR" || !slices.Equal(lines[max(0, len(lines)-2):], []string{"END:VCALENDAR", ""}) {
		bad = append(bad, fmt.Sprintf("no calendar: %.200q", body))
	}
	return bad
}
