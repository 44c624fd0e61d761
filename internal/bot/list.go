package bot

import (
	"context"
	"time"

	"steno/internal/meeting"
	"steno/internal/page"
)

// Filter narrows a list. Zero fields do not filter. Texts match anywhere and
// in any case.
type Filter struct {
	Name          string             `json:"n,omitempty"`
	ID            string             `json:"i,omitempty"`
	MeetingURL    string             `json:"u,omitempty"`
	Participant   string             `json:"p,omitempty"`
	Speaker       string             `json:"k,omitempty"` // a participant who spoke
	Platforms     []meeting.Platform `json:"m,omitempty"`
	Statuses      []Status           `json:"s,omitempty"`
	CreatedAfter  time.Time          `json:"a,omitzero"`
	CreatedBefore time.Time          `json:"b,omitzero"`
	EndedAfter    time.Time          `json:"e,omitzero"`
	Extra         []Pair             `json:"x,omitempty"` // all must match exactly
	AnyAge        bool               `json:"y,omitempty"` // bots older than LookBack, too
}

// Pair is a key and a value of extra.
type Pair struct{ Key, Value string }

// Query is what the store is asked for: bots by creation time, newest first, or
// oldest first when Backward.
type Query struct {
	Filter
	page.Span
}

// Page is a part of a list of bots.
type Page struct {
	Bots       []Bot
	Next, Prev string // cursors; empty where nothing follows
}

const (
	// LookBack is how far a list without a date filter goes back (digest 1.6),
	// and how old a date in a filter may be.
	LookBack = 90 * 24 * time.Hour
)

// List returns a page of a team's bots. limit is at least 1; cursor is empty or
// comes from an earlier page of the same team and filter.
func (s *Service) List(ctx context.Context, team string, f Filter, limit int, cursor string) (Page, error) {
	span, tag, err := open("bots", team, f, limit, cursor)
	if err != nil {
		return Page{}, err
	}
	q := Query{Filter: f, Span: span}
	if !q.AnyAge && q.CreatedAfter.IsZero() && q.CreatedBefore.IsZero() {
		q.CreatedAfter = s.Clock.Now().Add(-LookBack)
	}
	rows, err := s.Store.List(ctx, team, q)
	if err != nil {
		return Page{}, err
	}
	bots, next, prev := pageOf(rows, span, tag, func(b Bot) page.Position { return page.Position{At: b.CreatedAt, ID: b.ID} })
	return Page{bots, next, prev}, nil
}
