package zoom

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
)

// Filter narrows a list; all that is set must match.
type Filter struct {
	Name, Email, DisplayName string // parts, in any case
	UserID                   string // exactly
	Kinds                    []Kind
	States                   []State
	Extra                    []Pair
}

// Pair is a member of Extra and its value as text.
type Pair struct{ Key, Value string }

// List returns the team's credentials that match, newest first. A team has a
// handful of them, so they are picked here, in the same words on every database.
func (s *Service) List(ctx context.Context, team string, f Filter) ([]Credential, error) {
	all, err := s.Store.Credentials(ctx, team)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c Credential) bool { return !f.matches(c) }), nil
}

func (f Filter) matches(c Credential) bool {
	if !part(c.Name, f.Name) || !part(c.Person.Email, f.Email) || !part(c.Person.DisplayName, f.DisplayName) {
		return false
	}
	if f.UserID != "" && c.Person.UserID != f.UserID {
		return false
	}
	if len(f.Kinds) > 0 && !slices.Contains(f.Kinds, c.Kind) || len(f.States) > 0 && !slices.Contains(f.States, c.State) {
		return false
	}
	return matchExtra(c.Extra, f.Extra)
}

func part(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

func matchExtra(extra json.RawMessage, want []Pair) bool {
	if len(want) == 0 {
		return true
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(extra, &members) != nil { // nil: nothing matches
		return false
	}
	for _, p := range want {
		raw, ok := members[p.Key]
		if !ok || asText(raw) != p.Value {
			return false
		}
	}
	return true
}

// asText is a JSON value as a filter names it: strings without their quotes.
func asText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && !bytes.Equal(raw, []byte("null")) {
		return text
	}
	return string(raw)
}
