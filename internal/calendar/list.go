package calendar

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"steno/internal/fail"
	"steno/internal/ident"
)

// Position is the place of a row in the order of a list: a time, then an id.
type Position struct {
	At time.Time
	ID string
}

// Span is what all lists are asked for besides their filter.
type Span struct {
	From     *Position // start behind this row; nil: at the beginning
	Backward bool
	Limit    int
}

// ConnectionQuery asks for connections, newest first. Zero fields do not filter.
type ConnectionQuery struct {
	Email     string             `json:"e,omitempty"` // anywhere, in any case
	Platforms []Platform         `json:"p,omitempty"`
	Statuses  []ConnectionStatus `json:"s,omitempty"`
	Span      `json:"-"`
}

// EventQuery asks for events in the order of their start.
type EventQuery struct {
	StartFrom   time.Time `json:"f,omitzero"` // starts at or after
	StartBefore time.Time `json:"b,omitzero"` // starts before
	EndUntil    time.Time `json:"u,omitzero"` // ends at or before
	Statuses    []Status  `json:"s,omitempty"`
	// Cancelled shows what is cancelled or gone, too.
	Cancelled bool `json:"c,omitempty"`
	Span      `json:"-"`
}

// SeriesQuery asks for series, oldest first.
type SeriesQuery struct {
	Types     []string `json:"t,omitempty"` // one_off, recurring; empty: both
	Cancelled bool     `json:"c,omitempty"` // of the events inside
	Span      `json:"-"`
}

// List is a page of a list. The cursors are empty where nothing follows.
type List[T any] struct {
	Items      []T
	Next, Prev string
}

// SeriesEvents is a series with its events.
type SeriesEvents struct {
	Series
	Events []Event
}

// Stamp is how the API writes a time: UTC with milliseconds and a Z.
const Stamp = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(Stamp) }

// maxPage bounds a page whatever limit was asked for (C1).
const maxPage = 100

// Connections returns a page of a team's connections.
func (s *Service) Connections(ctx context.Context, team string, q ConnectionQuery, limit int, cursor string) (List[Connection], error) {
	tag, err := q.open(limit, cursor, team, "c", q)
	if err != nil {
		return List[Connection]{}, err
	}
	rows, err := s.Store.Connections(ctx, team, q)
	if err != nil {
		return List[Connection]{}, err
	}
	return listOf(rows, q.Span, tag, func(c Connection) Position { return Position{c.CreatedAt, c.ID} }), nil
}

// Events returns a page of a calendar's events.
func (s *Service) Events(ctx context.Context, team, calendar string, q EventQuery, limit int, cursor string) (List[Event], error) {
	tag, err := q.open(limit, cursor, team, calendar, q)
	if err != nil {
		return List[Event]{}, err
	}
	if _, err := s.Store.Connection(ctx, team, calendar); err != nil {
		return List[Event]{}, err
	}
	rows, err := s.Store.Events(ctx, team, calendar, q)
	if err != nil {
		return List[Event]{}, err
	}
	return listOf(rows, q.Span, tag, func(e Event) Position { return Position{e.When.Start, e.ID} }), nil
}

// Series returns a page of a calendar's series with their events.
func (s *Service) Series(ctx context.Context, team, calendar string, q SeriesQuery, limit int, cursor string) (List[SeriesEvents], error) {
	tag, err := q.open(limit, cursor, team, calendar, q)
	if err != nil {
		return List[SeriesEvents]{}, err
	}
	if _, err := s.Store.Connection(ctx, team, calendar); err != nil {
		return List[SeriesEvents]{}, err
	}
	rows, err := s.Store.SeriesList(ctx, team, calendar, q)
	if err != nil {
		return List[SeriesEvents]{}, err
	}
	page := listOf(rows, q.Span, tag, func(s Series) Position { return Position{s.CreatedAt, s.ID} })
	out := List[SeriesEvents]{Next: page.Next, Prev: page.Prev}
	ids := make([]string, 0, len(page.Items))
	for _, r := range page.Items {
		ids = append(ids, r.ID)
	}
	events, err := s.Store.EventsOfSeries(ctx, team, ids, q.Cancelled)
	if err != nil {
		return out, err
	}
	inside := map[string][]Event{}
	for _, e := range events {
		inside[e.SeriesID] = append(inside[e.SeriesID], e)
	}
	for _, r := range page.Items {
		out.Items = append(out.Items, SeriesEvents{r, inside[r.ID]})
	}
	return out, nil
}

// open reads the cursor into the span and returns the tag of the list.
func (p *Span) open(limit int, cursor, team, where string, filter any) (tag string, err error) {
	text, _ := json.Marshal(filter) // a struct of texts and times
	sum := sha256.Sum256([]byte(team + "\n" + where + "\n" + string(text)))
	tag = hex.EncodeToString(sum[:6])
	p.Limit = min(limit, maxPage) + 1 // one more tells whether another page follows
	if cursor != "" {
		p.From, p.Backward, err = readCursor(cursor, tag)
	}
	return tag, err
}

func listOf[T any](rows []T, p Span, tag string, at func(T) Position) List[T] {
	more := len(rows) == p.Limit
	if more {
		rows = rows[:p.Limit-1]
	}
	if p.Backward {
		slices.Reverse(rows)
	}
	l := List[T]{Items: rows}
	if len(rows) == 0 {
		return l
	}
	if more || p.Backward {
		l.Next = writeCursor(at(rows[len(rows)-1]), false, tag)
	}
	if (more && p.Backward) || (!p.Backward && p.From != nil) {
		l.Prev = writeCursor(at(rows[0]), true, tag)
	}
	return l
}

// A cursor is base64 of "<time>::<id>::<tag>", with a minus sign in front when
// it leads backward (digest 1.6). The tag binds it to team and filter.
func writeCursor(p Position, backward bool, tag string) string {
	c := base64.RawURLEncoding.EncodeToString([]byte(stamp(p.At) + "::" + p.ID + "::" + tag))
	if backward {
		return "-" + c
	}
	return c
}

func readCursor(text, tag string) (*Position, bool, error) {
	wrong := fail.New(fail.Invalid, CodeValidation, "/cursor: is not a cursor of this list; take it from the answer before, with the same filters")
	text, backward := strings.CutPrefix(text, "-")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, false, wrong
	}
	// The contract's second way to write a backward cursor (C3).
	if inner, ok := strings.CutPrefix(string(raw), "-"); ok && !backward {
		backward = true
		if raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(inner, "=")); err != nil {
			return nil, false, wrong
		}
	}
	parts := strings.Split(string(raw), "::")
	if len(parts) != 3 || parts[2] != tag || !ident.Valid(parts[1]) {
		return nil, false, wrong
	}
	at, err := time.Parse(Stamp, parts[0])
	if err != nil {
		return nil, false, wrong
	}
	return &Position{At: at, ID: parts[1]}, backward, nil
}
