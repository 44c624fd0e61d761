package bot

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"steno/internal/ident"
	"steno/internal/meeting"
)

// Filter narrows a list. Zero fields do not filter. Texts match anywhere and
// in any case.
type Filter struct {
	Name          string             `json:"n,omitempty"`
	ID            string             `json:"i,omitempty"`
	MeetingURL    string             `json:"u,omitempty"`
	Participant   string             `json:"p,omitempty"`
	Platforms     []meeting.Platform `json:"m,omitempty"`
	Statuses      []Status           `json:"s,omitempty"`
	CreatedAfter  time.Time          `json:"a,omitzero"`
	CreatedBefore time.Time          `json:"b,omitzero"`
	EndedAfter    time.Time          `json:"e,omitzero"`
	Extra         []Pair             `json:"x,omitempty"` // all must match exactly
}

// Pair is a key and a value of extra.
type Pair struct{ Key, Value string }

// Query is what the store is asked for: bots by creation time, newest first, or
// oldest first when Backward.
type Query struct {
	Filter
	From     *Position // start behind this bot; nil: at the beginning
	Backward bool
	Limit    int
}

// Position is the place of a bot in the order of a list.
type Position struct {
	CreatedAt time.Time
	ID        string
}

// Page is a part of a list. The cursors are empty where nothing follows.
type Page struct {
	Bots       []Bot
	Next, Prev string
}

const (
	// LookBack is how far a list without a date filter goes back (digest 1.6),
	// and how old a date in a filter may be.
	LookBack = 90 * 24 * time.Hour
	// maxPage bounds a page whatever limit was asked for (C1).
	maxPage = 100
)

// List returns a page of a team's bots. limit is at least 1; cursor is empty or
// comes from an earlier page of the same team and filter.
func (s *Service) List(ctx context.Context, team string, f Filter, limit int, cursor string) (Page, error) {
	tag := f.tag(team)
	q := Query{Filter: f, Limit: min(limit, maxPage) + 1} // one more tells whether another page follows
	if cursor != "" {
		var err error
		if q.From, q.Backward, err = readCursor(cursor, tag); err != nil {
			return Page{}, err
		}
	}
	if q.CreatedAfter.IsZero() && q.CreatedBefore.IsZero() {
		q.CreatedAfter = s.Clock.Now().Add(-LookBack)
	}
	bots, err := s.Store.List(ctx, team, q)
	if err != nil {
		return Page{}, err
	}
	more := len(bots) == q.Limit
	if more {
		bots = bots[:q.Limit-1]
	}
	return pageOf(bots, more, q, tag), nil
}

func pageOf(bots []Bot, more bool, q Query, tag string) Page {
	if q.Backward {
		reverse(bots)
	}
	p := Page{Bots: bots}
	if len(bots) == 0 {
		return p
	}
	first, last := bots[0], bots[len(bots)-1]
	if more || q.Backward {
		p.Next = writeCursor(last, false, tag)
	}
	if (more && q.Backward) || (!q.Backward && q.From != nil) {
		p.Prev = writeCursor(first, true, tag)
	}
	return p
}

func reverse(b []Bot) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// tag binds a cursor to the list that it belongs to: the same place in another
// team's list, or under another filter, means nothing.
func (f Filter) tag(team string) string {
	text, _ := json.Marshal(f) // a struct of texts and times
	sum := sha256.Sum256(append([]byte(team+"\n"), text...))
	return hex.EncodeToString(sum[:6])
}

// A cursor is base64 of "<time>::<id>::<tag>", with a minus sign in front when
// it leads backward (digest 1.6).
func writeCursor(b Bot, backward bool, tag string) string {
	c := base64.RawURLEncoding.EncodeToString([]byte(stamp(b.CreatedAt) + "::" + b.ID + "::" + tag))
	if backward {
		return "-" + c
	}
	return c
}

func readCursor(text, tag string) (*Position, bool, error) {
	wrong := Invalid(Issue{Pointer: "/cursor", Rule: "is not a cursor of this list; take it from the answer before, with the same filters"})
	text, backward := strings.CutPrefix(text, "-")
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, false, wrong
	}
	// The contract's second way to write a backward cursor: base64 of the minus
	// sign and the cursor (C3).
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
	return &Position{CreatedAt: at, ID: parts[1]}, backward, nil
}
