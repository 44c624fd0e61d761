package v2

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/api/door"
	"steno/internal/bot"
)

// jsonFormat reads and writes bodies.
var jsonFormat = huma.Format{
	Marshal: door.JSON.Marshal,
	Unmarshal: func(data []byte, v any) error {
		if err := json.Unmarshal(data, v); err != nil {
			return err
		}
		// The schema is checked against *any. On create, null and absent mean the
		// same (digest 1.8), also where the schema has no null.
		if p, ok := v.(*any); ok {
			dropNulls(*p)
		}
		return nil
	},
}

// free holds the members whose content is the caller's own.
var free = map[string]bool{"extra": true, "custom_params": true}

func dropNulls(v any) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	for name, member := range object {
		if member == nil {
			delete(object, name)
		} else if !free[name] {
			dropNulls(member)
		}
	}
}

// object is the caller's own JSON object, kept as it came but for its spelling:
// invalid UTF-8, lone surrogates and doubled keys are gone, so that every
// database can store it.
func object(pointer string, raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // numbers stay as they were written
	var value map[string]any
	if err := dec.Decode(&value); err != nil {
		return nil, bot.Invalid(bot.Issue{Pointer: pointer, Rule: "must be an object"})
	}
	if rule := keepable(value, maxDepth); rule != "" {
		return nil, bot.Invalid(bot.Issue{Pointer: pointer, Rule: rule})
	}
	var out bytes.Buffer
	if err := jsonFormat.Marshal(&out, value); err != nil {
		return nil, fmt.Errorf("write %s again: %w", pointer, err)
	}
	if bytes.Contains(out.Bytes(), []byte(`\u0000`)) {
		return nil, bot.Invalid(bot.Issue{Pointer: pointer, Rule: "must not contain the character U+0000"})
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// maxDepth bounds the nesting of the caller's own objects.
const maxDepth = 100

// keepable returns the rule that a value breaks which a database could store
// but not read again: SQLite reads no JSON that is nested deeper than 1000,
// PostgreSQL no number of many digits. One such row would break every list that
// is filtered by extra.
func keepable(v any, depth int) string {
	if depth < 0 {
		return fmt.Sprintf("must not be nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			if rule := keepable(member, depth-1); rule != "" {
				return rule
			}
		}
	case []any:
		for _, item := range v {
			if rule := keepable(item, depth-1); rule != "" {
				return rule
			}
		}
	case json.Number:
		mantissa, _, _ := strings.Cut(strings.ToLower(v.String()), "e")
		f, err := v.Float64()
		if err != nil || len(v) > 400 || f == 0 && strings.ContainsAny(mantissa, "123456789") {
			return "must hold only numbers that fit a double"
		}
	}
	return ""
}

// images is bot_image: one URL, or a list of them.
type images []string

// Schema describes both forms.
func (images) Schema(huma.Registry) *huma.Schema {
	one, five := 1, 5
	uri := &huma.Schema{Type: huma.TypeString, Format: "uri"}
	return &huma.Schema{OneOf: []*huma.Schema{uri, {Type: huma.TypeArray, Items: uri, MinItems: &one, MaxItems: &five}}}
}

// UnmarshalJSON reads both forms.
func (i *images) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	if len(data) > 0 && data[0] == '"' {
		*i = images{""}
		return json.Unmarshal(data, &(*i)[0])
	}
	return json.Unmarshal(data, (*[]string)(i))
}

func stamp(t time.Time) string { return t.UTC().Format(bot.Stamp) }

func maybeStamp(t *time.Time) *string {
	if t == nil {
		return nil
	}
	s := stamp(*t)
	return &s
}
