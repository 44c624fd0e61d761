package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// StoreV1 is what only API v1 asks of the store.
type StoreV1 interface {
	// Numbers returns integers that stand for the team, under its own id, and for
	// things of the team: always the same ones.
	Numbers(ctx context.Context, team string, ids []string) (map[string]int, error)
	// SpeakersOf returns the names of those who spoke, by bot, in their order.
	SpeakersOf(ctx context.Context, team string, bots []string) (map[string][]string, error)
}

// Numbers returns integers that stand for the team, under its own id, and for
// bots and events of the team (C61).
func (s *Service) Numbers(ctx context.Context, team string, ids ...string) (map[string]int, error) {
	return s.Store.Numbers(ctx, team, ids)
}

// Sort is the order of a page of bots by a member of their extra.
type Sort struct {
	Key        string // empty: by their creation, newest first
	Descending bool
}

// Recent is a bot with the names of those who spoke, each once.
type Recent struct {
	Bot
	Speakers []string
}

// Recent returns a page of the team's bots, however old, newest first. by changes
// the order within the page: a cursor leads on in the order of creation.
func (s *Service) Recent(ctx context.Context, team string, f Filter, by Sort, limit int, cursor string) (bots []Recent, next string, err error) {
	f.AnyAge = true
	found, err := s.List(ctx, team, f, limit, cursor)
	if err != nil || len(found.Bots) == 0 {
		return nil, "", err
	}
	ids := make([]string, 0, len(found.Bots))
	for _, b := range found.Bots {
		ids = append(ids, b.ID)
	}
	speakers, err := s.Store.SpeakersOf(ctx, team, ids)
	if err != nil {
		return nil, "", err
	}
	for _, b := range found.Bots {
		bots = append(bots, Recent{b, distinct(speakers[b.ID])})
	}
	if by.Key != "" {
		slices.SortStableFunc(bots, by.compare)
	}
	return bots, found.Next, nil
}

// compare orders by the member as text; bots that have none come last.
func (by Sort) compare(a, b Recent) int {
	one, has := member(a.Extra, by.Key)
	two, hasToo := member(b.Extra, by.Key)
	switch {
	case has && !hasToo:
		return -1
	case !has && hasToo:
		return 1
	case by.Descending:
		return strings.Compare(two, one)
	}
	return strings.Compare(one, two)
}

// member returns a member of an object as text: texts without their quotes.
func member(object json.RawMessage, key string) (string, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(object, &all) != nil { // nil: there is none
		return "", false
	}
	raw, ok := all[key]
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, ok
	}
	return string(raw), ok
}

// Deletion says what a deletion of data has found.
type Deletion string

// The outcomes, in the words of v1.
const (
	DataDeleted        Deletion = "deleted"
	DataAlreadyDeleted Deletion = "alreadyDeleted"
	NoDataFound        Deletion = "noDataFound"
)

// DatedShot is a screenshot with the time at which it was stored.
type DatedShot struct {
	At  time.Time
	URL string
}

// maxShots bounds a list without pages: a day of a screenshot every ten seconds.
const maxShots = 8640

// AllScreenshots returns a bot's screenshots, oldest first.
func (s *Service) AllScreenshots(ctx context.Context, team, id string) ([]DatedShot, error) {
	if _, err := s.Store.Bot(ctx, team, id); err != nil {
		return nil, err
	}
	found, err := s.Store.Screenshots(ctx, team, id, ShotQuery{Limit: maxShots})
	if err != nil {
		return nil, err
	}
	out := make([]DatedShot, 0, len(found))
	for _, a := range found {
		u, err := s.signerV1().URL(ctx, a.Key)
		if err != nil {
			return nil, fmt.Errorf("sign the URL of a screenshot: %w", err)
		}
		out = append(out, DatedShot{a.StoredAt, u})
	}
	return out, nil
}
