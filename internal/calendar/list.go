package calendar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"steno/internal/fail"
	"steno/internal/page"
)

// ConnectionQuery asks for connections, newest first. Zero fields do not filter.
type ConnectionQuery struct {
	Email     string             `json:"e,omitempty"` // anywhere, in any case
	Platforms []Platform         `json:"p,omitempty"`
	Statuses  []ConnectionStatus `json:"s,omitempty"`
	page.Span `json:"-"`
}

// EventQuery asks for events in the order of their start.
type EventQuery struct {
	StartFrom   time.Time `json:"f,omitzero"` // starts at or after
	StartBefore time.Time `json:"b,omitzero"` // starts before
	EndUntil    time.Time `json:"u,omitzero"` // ends at or before
	Statuses    []Status  `json:"s,omitempty"`
	// Cancelled shows what is cancelled or gone, too.
	Cancelled bool `json:"c,omitempty"`

	StartUntil  time.Time `json:"v,omitzero"`  // starts at or before
	UpdatedFrom time.Time `json:"d,omitzero"`  // changed at or after
	Organizer   string    `json:"o,omitempty"` // address, in any case
	Attendee    string    `json:"a,omitempty"` // the same
	Phase       Phase     `json:"w,omitempty"`
	Now         time.Time `json:"-"` // what Phase is about
	page.Span   `json:"-"`
}

// Phase says whether an event is over.
type Phase string

// The phases; empty: both.
const (
	Upcoming Phase = "upcoming" // has not ended
	Past     Phase = "past"
)

// SeriesQuery asks for series, oldest first.
type SeriesQuery struct {
	Types     []string `json:"t,omitempty"` // one_off, recurring; empty: both
	Cancelled bool     `json:"c,omitempty"` // of the events inside
	page.Span `json:"-"`
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

// Connections returns a page of a team's connections.
func (s *Service) Connections(ctx context.Context, team string, q ConnectionQuery, limit int, cursor string) (List[Connection], error) {
	span, tag, err := open(limit, cursor, team, "c", q)
	if err != nil {
		return List[Connection]{}, err
	}
	q.Span = span
	rows, err := s.Store.Connections(ctx, team, q)
	if err != nil {
		return List[Connection]{}, err
	}
	q.Span = span
	return listOf(rows, q.Span, tag, func(c Connection) page.Position { return page.Position{At: c.CreatedAt, ID: c.ID} }), nil
}

// Events returns a page of a calendar's events.
func (s *Service) Events(ctx context.Context, team, calendar string, q EventQuery, limit int, cursor string) (List[Event], error) {
	q.Now = s.Clock.Now()
	span, tag, err := open(limit, cursor, team, calendar, q)
	if err != nil {
		return List[Event]{}, err
	}
	q.Span = span
	if _, err := s.Store.Connection(ctx, team, calendar); err != nil {
		return List[Event]{}, err
	}
	rows, err := s.Store.Events(ctx, team, calendar, q)
	if err != nil {
		return List[Event]{}, err
	}
	q.Span = span
	return listOf(rows, q.Span, tag, func(e Event) page.Position { return page.Position{At: e.When.Start, ID: e.ID} }), nil
}

// Series returns a page of a calendar's series with their events.
func (s *Service) Series(ctx context.Context, team, calendar string, q SeriesQuery, limit int, cursor string) (List[SeriesEvents], error) {
	span, tag, err := open(limit, cursor, team, calendar, q)
	if err != nil {
		return List[SeriesEvents]{}, err
	}
	q.Span = span
	if _, err := s.Store.Connection(ctx, team, calendar); err != nil {
		return List[SeriesEvents]{}, err
	}
	rows, err := s.Store.SeriesList(ctx, team, calendar, q)
	if err != nil {
		return List[SeriesEvents]{}, err
	}
	q.Span = span
	page := listOf(rows, q.Span, tag, func(s Series) page.Position { return page.Position{At: s.CreatedAt, ID: s.ID} })
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

// open reads a cursor and returns the span and the tag of the list.
func open(limit int, cursor, team, where string, filter any) (p page.Span, tag string, err error) {
	text, _ := json.Marshal(filter) // a struct of texts and times
	sum := sha256.Sum256([]byte(team + "\n" + where + "\n" + string(text)))
	tag = hex.EncodeToString(sum[:6])
	p.Limit = page.Limit(limit)
	if cursor == "" {
		return p, tag, nil
	}
	var ok bool
	if p.From, p.Backward, ok = page.Read(cursor, tag); !ok {
		err = fail.New(fail.Invalid, CodeValidation, "/cursor: is not a cursor of this list; take it from the answer before, with the same filters")
	}
	return p, tag, err
}

func listOf[T any](rows []T, p page.Span, tag string, at func(T) page.Position) (l List[T]) {
	l.Items, l.Next, l.Prev = page.Of(rows, p, tag, at)
	return l
}
