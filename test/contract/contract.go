// Package contract holds what Steno promises to say: the facts of the API's
// reference document (reference.json, made by ./generate), and the checks that
// tests put on every answer and every webhook.
//
// It must not know how Steno is built: it sees requests, answers and payloads.
package contract

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed reference.json
var text []byte

//go:embed reference-v1.json
var textV1 []byte

//go:embed reference-unified.json
var textUnified []byte

// Schema is a JSON schema as the reference has it, references resolved by
// Reference.Resolve.
type Schema map[string]any

// Operation is one of the 39 of v2, one of the 26 of v1, or one of the unified
// calendar: the 6 of its reference, and those that only Steno has.
type Operation struct {
	ID         string            `json:"-"`
	Method     string            `json:"method"`
	Path       string            `json:"path"` // with {names}
	Parameters []Parameter       `json:"parameters"`
	Body       Schema            `json:"body"` // nil: takes none
	Statuses   map[string]Schema `json:"statuses"`
	Ours       bool              `json:"ours"` // of Steno only; said in reference-unified.json
}

// Parameter is one of the path or the query.
type Parameter struct {
	Name   string `json:"name"`
	In     string `json:"in"` // path, query
	Schema Schema `json:"schema"`
}

// Success returns the one documented status below 300.
func (o Operation) Success() int {
	for s := range o.Statuses {
		if s < "300" {
			n, _ := strconv.Atoi(s) // the table has nothing else
			return n
		}
	}
	return 0
}

// Reference is the whole document. Operations are by id, payloads by event.
type Reference struct {
	Operations map[string]Operation `json:"operations"`
	Webhooks   map[string]Schema    `json:"webhooks"`
	Callbacks  map[string]Schema    `json:"callbacks"`
	Schemas    map[string]Schema    `json:"schemas"`

	compiled map[string]*jsonschema.Schema // by the name of the schema
	bare     bool                          // API v1: no envelope, and errors of its own form
	unified  bool                          // the unified calendar: errors of its own form
}

// Load returns the reference of API v2. It is read once.
var Load = sync.OnceValue(func() *Reference { return load(text, &Reference{}) })

// LoadV1 returns the reference of API v1. Its document lets objects have members
// that it does not name; here they may not, so that none of ours goes unnoticed.
var LoadV1 = sync.OnceValue(func() *Reference {
	return load(textV1, &Reference{bare: true})
})

// LoadUnified returns the reference of the unified calendar. It has no OpenAPI
// document: its shapes were written down by hand, from the examples and tables of
// its pages, and the form of errors is Steno's decision. Operations marked ours
// are not in those pages.
var LoadUnified = sync.OnceValue(func() *Reference { return load(textUnified, &Reference{unified: true}) })

func load(text []byte, r *Reference) *Reference {
	if err := json.Unmarshal(text, r); err != nil {
		panic("contract: the reference: " + err.Error())
	}
	if r.bare {
		for _, s := range r.Schemas {
			shut(map[string]any(s))
		}
		again := r.Operations["resync_all_calendars"]
		again.Path = "/internal/calendar/resync_all" // its older path (C58)
		r.Operations["resync_all"] = again
	}
	for id, o := range r.Operations {
		o.ID, o.Path = id, strings.TrimSuffix(o.Path, "/") // both spellings are the same
		r.Operations[id] = o
	}
	if err := r.compile(); err != nil {
		panic("contract: the reference: " + err.Error())
	}
	return r
}

// shut lets objects have no members but those that are named.
func shut(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, said := v["additionalProperties"]; v["properties"] != nil && !said {
			v["additionalProperties"] = false
		}
		for _, one := range v {
			shut(one)
		}
	case []any:
		for _, one := range v {
			shut(one)
		}
	}
}

func (r *Reference) compile() error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("reference.json", doc); err != nil {
		return err
	}
	r.compiled = map[string]*jsonschema.Schema{}
	for name := range r.Schemas {
		if r.compiled[name], err = c.Compile("reference.json#/schemas/" + name); err != nil {
			return err
		}
	}
	return nil
}

// nameOf returns the name of the schema that a reference leads to.
func nameOf(s Schema) string {
	ref, _ := s["$ref"].(string)
	return strings.TrimPrefix(ref, "#/schemas/")
}

// Resolve follows a reference.
func (r *Reference) Resolve(s Schema) Schema {
	if name := nameOf(s); name != "" {
		return r.Schemas[name]
	}
	return s
}

// IDs lists the operations' ids.
func (r *Reference) IDs() []string { return slices.Sorted(maps.Keys(r.Operations)) }

// Find returns the operation of a request.
func (r *Reference) Find(method, path string) (Operation, bool) {
	parts, best := strings.Split(strings.TrimSuffix(path, "/"), "/"), Operation{}
	found := -1
	for _, o := range r.Operations {
		if o.Method == method {
			if n := literals(strings.Split(o.Path, "/"), parts); n > found {
				best, found = o, n
			}
		}
	}
	return best, found >= 0
}

// literals counts the parts that match to the letter; -1 when the path does not
// match. /v2/bots/scheduled is more of a match than /v2/bots/{bot_id}.
func literals(pattern, path []string) (n int) {
	if len(pattern) != len(path) {
		return -1
	}
	for i, p := range pattern {
		switch {
		case p == path[i]:
			n++
		case !strings.HasPrefix(p, "{") || path[i] == "":
			return -1
		}
	}
	return n
}

// fits reports how a value breaks a schema. Members that are additions of ours
// are taken out before.
func (r *Reference) fits(s Schema, value any) []string {
	compiled := r.compiled[nameOf(s)]
	if compiled == nil {
		return []string{fmt.Sprintf("the reference has no schema for this: %v", s)}
	}
	err := compiled.Validate(value)
	if err == nil {
		return nil
	}
	lines := strings.Split(err.Error(), "\n")
	return lines[min(1, len(lines)-1):] // the first only says that there are some
}

// Message reports how the payload of a webhook breaks the reference.
func (r *Reference) Message(event string, payload []byte) []string {
	return r.payload(r.Webhooks, event, payload)
}

// Callback is Message for callbacks.
func (r *Reference) Callback(event string, payload []byte) []string {
	return r.payload(r.Callbacks, event, payload)
}

func (r *Reference) payload(of map[string]Schema, event string, payload []byte) []string {
	s, ok := of[event]
	if slices.Contains(ourMessages, event) {
		return nil
	}
	if !ok {
		return []string{"the reference has no " + event}
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(payload)))
	if err != nil {
		return []string{"not JSON: " + err.Error()}
	}
	take(value, additionalInMessages[event])
	namesToObjects(value)
	return r.fits(s, value)
}

// problemKeys are what every error must have (digest 13.3).
var problemKeys = []string{"success", "error", "code", "statusCode", "message", "details"}

// Answer reports how an answer breaks the reference. Paths that are no
// operation must be refused in the API's own words.
func (r *Reference) Answer(method, path string, status int, header http.Header, body []byte) (bad []string) {
	switch {
	case r.bare:
		return r.bareAnswer(method, path, status, header, body)
	case r.unified:
		return r.unifiedAnswer(method, path, status, header, body)
	}
	if t := header.Get("Content-Type"); t != "application/json" {
		bad = append(bad, fmt.Sprintf("Content-Type %q", t))
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		return append(bad, fmt.Sprintf("not JSON: %v: %.200q", err, body))
	}
	object, _ := value.(map[string]any)
	if status >= 300 {
		bad = append(bad, problem(status, header, object)...)
	} else if object["success"] != true {
		bad = append(bad, "success is not true")
	}
	o, ok := r.Find(method, path)
	if !ok {
		if status < 300 && !ours(method, path) {
			bad = append(bad, "an operation that the reference does not know")
		}
		return bad
	}
	s, ok := o.Statuses[strconv.Itoa(status)]
	if !ok {
		if why := undocumented[status]; why == "" {
			bad = append(bad, fmt.Sprintf("the status %d is not documented", status))
		}
		s = Schema{"$ref": "#/schemas/ErrorResponse"}
		take(value, []string{"/retryAfter"})
	}
	take(value, additions[o.ID])
	asDocumented(value)
	if status == http.StatusBadRequest {
		take(value, []string{"/details"}) // clients need it, the document forgets it (C40)
	}
	return append(bad, r.fits(s, value)...)
}

// problem checks the six keys.
func problem(status int, header http.Header, object map[string]any) (bad []string) {
	for _, key := range problemKeys {
		if _, ok := object[key]; !ok {
			bad = append(bad, "the key "+key+" is missing")
		}
	}
	if object["success"] != false {
		bad = append(bad, "success is not false")
	}
	if fmt.Sprint(object["statusCode"]) != strconv.Itoa(status) {
		bad = append(bad, fmt.Sprintf("statusCode is %v, the status %d", object["statusCode"], status))
	}
	if m, _ := object["message"].(string); m == "" {
		bad = append(bad, "message is no text")
	}
	wait, has := object["retryAfter"]
	if must := status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable; must != has || has && fmt.Sprint(wait) != header.Get("Retry-After") {
		bad = append(bad, fmt.Sprintf("retryAfter is %v, the header %q", wait, header.Get("Retry-After")))
	}
	return bad
}
