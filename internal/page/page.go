// Package page cuts lists into pages that stay right while rows come and go: a
// cursor names a place in the order of the list, not a number of rows.
//
// It must not know what is listed, nor how a wrong cursor is answered.
package page

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"steno/internal/ident"
)

// Max bounds a page whatever limit was asked for (C1).
const Max = 100

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

// Limit is what to ask the store for: one more than the page may hold, which
// tells whether another page follows.
func Limit(asked int) int { return min(asked, Max) + 1 }

// Turn puts rows that were asked for with such a limit into the order of the
// list, without the one too many, and makes the cursors of the neighbours. They
// are empty where nothing follows, and when there are no rows. started: the page
// is not the first.
func Turn[T any](rows []T, limit int, backward, started bool, cursor func(row T, backward bool) string) (page []T, next, prev string) {
	more := len(rows) == limit
	if more {
		rows = rows[:limit-1]
	}
	if backward {
		slices.Reverse(rows)
	}
	if len(rows) == 0 {
		return rows, "", ""
	}
	if more || backward {
		next = cursor(rows[len(rows)-1], false)
	}
	if started && (more || !backward) {
		prev = cursor(rows[0], true)
	}
	return rows, next, prev
}

// Of is Turn for rows that have a Position. The tag binds the cursors to the
// list that they belong to.
func Of[T any](rows []T, s Span, tag string, at func(T) Position) (page []T, next, prev string) {
	return Turn(rows, s.Limit, s.Backward, s.From != nil, func(row T, backward bool) string { return Cursor(at(row), backward, tag) })
}

// layout is how a cursor writes a time.
const layout = "2006-01-02T15:04:05.000Z"

// Cursor is base64 of "<time>::<id>::<tag>", with a minus sign in front when it
// leads backward (digest 1.6).
func Cursor(p Position, backward bool, tag string) string {
	c := base64.RawURLEncoding.EncodeToString([]byte(p.At.UTC().Format(layout) + "::" + p.ID + "::" + tag))
	if backward {
		return "-" + c
	}
	return c
}

// Read reads a cursor of the list with that tag; ok is false for anything else.
func Read(text, tag string) (p *Position, backward, ok bool) {
	text, backward = strings.CutPrefix(text, "-")
	raw, err := decode(text)
	// The contract's second way to write a backward cursor: base64 of the minus
	// sign and the cursor (C3).
	if inner, minus := strings.CutPrefix(raw, "-"); minus && !backward && err == nil {
		backward = true
		raw, err = decode(inner)
	}
	parts := strings.Split(raw, "::")
	if err != nil || len(parts) != 3 || parts[2] != tag || !ident.Valid(parts[1]) {
		return nil, false, false
	}
	at, err := time.Parse(layout, parts[0])
	if err != nil {
		return nil, false, false
	}
	return &Position{At: at, ID: parts[1]}, backward, true
}

// decode reads base64 with padding or without. A cursor has no character that
// the two alphabets write differently.
func decode(text string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	return string(raw), err
}
