package bot

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"steno/internal/ident"
)

// Position is the place of a row in the order of a list: a time, then an id.
// Rows that come and go elsewhere do not move it.
type Position struct {
	At time.Time
	ID string
}

// Span is which part of a list is asked for.
type Span struct {
	From     *Position // start behind this row; nil: at the beginning
	Backward bool      // against the order of the list
	Limit    int
}

// maxPage bounds a page whatever limit was asked for (C1).
const maxPage = 100

// open reads a cursor of a list. The tag binds a cursor to the list that it
// belongs to: the same place in another team's list, or under another filter,
// means nothing.
func open(list, team string, filter any, limit int, cursor string) (s Span, tag string, err error) {
	text, err := json.Marshal(filter) // a struct of texts and times
	if err != nil {
		return s, "", err
	}
	sum := sha256.Sum256(append([]byte(list+"\n"+team+"\n"), text...))
	tag = hex.EncodeToString(sum[:8])
	s.Limit = min(limit, maxPage) + 1 // one more tells whether another page follows
	if cursor != "" {
		s.From, s.Backward, err = readCursor(cursor, tag)
	}
	return s, tag, err
}

// pageOf puts rows into the order of the list, without the one too many, and
// makes the cursors of its neighbours; they are empty where nothing follows.
func pageOf[T any](rows []T, s Span, tag string, at func(T) Position) (page []T, next, prev string) {
	more := len(rows) == s.Limit
	if more {
		rows = rows[:s.Limit-1]
	}
	if s.Backward {
		slices.Reverse(rows)
	}
	if len(rows) == 0 {
		// What was here is gone; the way back is not.
		switch {
		case s.From == nil:
		case s.Backward:
			next = writeCursor(*s.From, false, tag)
		default:
			prev = writeCursor(*s.From, true, tag)
		}
		return rows, next, prev
	}
	if more || s.Backward {
		next = writeCursor(at(rows[len(rows)-1]), false, tag)
	}
	if s.From != nil && (more || !s.Backward) {
		prev = writeCursor(at(rows[0]), true, tag)
	}
	return rows, next, prev
}

// A cursor is base64 of "<time>::<id>::<tag>", with a minus sign in front when
// it leads backward (digest 1.6).
func writeCursor(p Position, backward bool, tag string) string {
	c := base64.RawURLEncoding.EncodeToString([]byte(stamp(p.At) + "::" + p.ID + "::" + tag))
	if backward {
		return "-" + c
	}
	return c
}

func readCursor(text, tag string) (*Position, bool, error) {
	wrong := Invalid(Issue{Pointer: "/cursor", Rule: "is not a cursor of this list; take it from the answer before, with the same filters"})
	text, backward := strings.CutPrefix(text, "-")
	raw, err := decode(text)
	if err != nil {
		return nil, false, wrong
	}
	// The contract's second way to write a backward cursor: base64 of the minus
	// sign and the cursor (C3).
	if inner, ok := strings.CutPrefix(raw, "-"); ok && !backward {
		backward = true
		if raw, err = decode(inner); err != nil {
			return nil, false, wrong
		}
	}
	parts := strings.Split(raw, "::")
	if len(parts) != 3 || parts[2] != tag || !ident.Valid(parts[1]) {
		return nil, false, wrong
	}
	at, err := time.Parse(Stamp, parts[0])
	if err != nil {
		return nil, false, wrong
	}
	return &Position{At: at, ID: parts[1]}, backward, nil
}

// decode reads base64 in both alphabets, with padding or without.
func decode(text string) (string, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return string(raw), err
}
