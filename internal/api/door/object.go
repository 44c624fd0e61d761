package door

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"steno/internal/bot"
	"steno/internal/ident"
)

// Lenient is JSON for surfaces that take null for absent, also where a schema has
// no null (digest 1.8). free are the members whose content is the caller's own.
// Handlers see what was sent: a PATCH can tell the two apart.
func Lenient(free ...string) huma.Format {
	own := map[string]bool{}
	for _, name := range free {
		own[name] = true
	}
	f := JSON
	f.Unmarshal = func(data []byte, v any) error {
		if err := json.Unmarshal(data, v); err != nil {
			return err
		}
		if p, ok := v.(*any); ok { // what the schema is checked against
			dropNulls(*p, own)
		}
		return nil
	}
	return f
}

func dropNulls(v any, free map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
			} else if !free[name] {
				dropNulls(member, free)
			}
		}
	case []any:
		for _, item := range v {
			dropNulls(item, free)
		}
	}
}

// Object is the caller's own JSON object, kept as it came but for its spelling:
// invalid UTF-8, lone surrogates and doubled keys are gone, so that every
// database can store it.
func Object(pointer string, raw json.RawMessage) (json.RawMessage, error) {
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
	if err := JSON.Marshal(&out, value); err != nil {
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

// Plain refuses texts that PostgreSQL cannot store.
func Plain(texts map[string]string) error {
	for pointer, text := range texts {
		if strings.ContainsRune(text, 0) {
			return bot.Invalid(bot.Issue{Pointer: pointer, Rule: "must not contain the character U+0000"})
		}
	}
	return nil
}

// ID checks the form of an id: the nil and the max UUID pass (digest 1.8).
func ID(pointer, text string) (string, error) {
	id := strings.ToLower(text)
	if !ident.Valid(id) {
		return "", bot.Invalid(bot.Issue{Pointer: pointer, Rule: "must be a UUID", Value: Harmless(pointer, text)})
	}
	return id, nil
}
