package v1

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/bot"
)

func stamp(t time.Time) string { return t.UTC().Format(bot.Stamp) }

// text is null for an empty text.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// timeOf reads a time in a query; it is UTC where it has no zone (digest 1.8). A
// plus sign that was not escaped has come as a space. Empty is no time.
func timeOf(v string) (time.Time, bool) {
	if v = strings.TrimSpace(v); v == "" {
		return time.Time{}, true
	}
	v = strings.Replace(v, " ", "+", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, v); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// opt is a member of a body of which the operation must know whether it was
// there: absent leaves a setting as it is, null clears it.
type opt[T any] struct {
	Set   bool
	Value *T
}

// UnmarshalJSON tells null from absent.
func (o *opt[T]) UnmarshalJSON(data []byte) error {
	o.Set = true
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// Schema is that of the value.
func (o opt[T]) Schema(r huma.Registry) *huma.Schema { return r.Schema(reflect.TypeFor[T](), true, "") }

// or returns the value, or the zero value where there is none.
func (o opt[T]) or() (v T) {
	if o.Value != nil {
		v = *o.Value
	}
	return v
}

// put stores what was said.
func put[T any](o opt[T], to *T) {
	if o.Set {
		*to = o.or()
	}
}
