package bot

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"steno/internal/page"
)

// open reads a cursor of a list. The tag binds a cursor to the list that it
// belongs to: the same place in another team's list, or under another filter,
// means nothing.
func open(list, team string, filter any, limit int, cursor string) (s page.Span, tag string, err error) {
	text, err := json.Marshal(filter) // a struct of texts and times
	if err != nil {
		return s, "", err
	}
	sum := sha256.Sum256(append([]byte(list+"\n"+team+"\n"), text...))
	tag = hex.EncodeToString(sum[:8])
	s.Limit = page.Limit(limit)
	if cursor == "" {
		return s, tag, nil
	}
	var ok bool
	if s.From, s.Backward, ok = page.Read(cursor, tag); !ok {
		err = Invalid(Issue{Pointer: "/cursor", Rule: "is not a cursor of this list; take it from the answer before, with the same filters"})
	}
	return s, tag, err
}

// pageOf is page.Of, with a way back from a page whose rows are all gone.
func pageOf[T any](rows []T, s page.Span, tag string, at func(T) page.Position) (out []T, next, prev string) {
	out, next, prev = page.Of(rows, s, tag, at)
	switch {
	case len(out) > 0 || s.From == nil:
	case s.Backward:
		next = page.Cursor(*s.From, false, tag)
	default:
		prev = page.Cursor(*s.From, true, tag)
	}
	return out, next, prev
}
