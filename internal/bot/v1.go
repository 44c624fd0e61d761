package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"steno/internal/fail"
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

// Retranscription asks for another transcript of a bot that has ended. Its end is
// told by TellTranscribed.
type Retranscription struct {
	Provider   string // empty: the default one
	APIKey     string // the caller's own
	WebhookURL string // is told of it in place of the bot's address; goes with WebhookKey
	WebhookKey string
}

// Transcriber has recordings transcribed anew.
type Transcriber interface {
	// Again queues the work as part of the transaction.
	Again(ctx context.Context, tx Tx, b Bot, r Retranscription) error
}

// CodeNoTranscriber is the code of the error that says that nothing transcribes.
const CodeNoTranscriber = "TRANSCRIPTION_NOT_AVAILABLE"

// Retranscribe has the recording of a bot that has ended transcribed again.
func (s *Service) Retranscribe(ctx context.Context, team, id string, r Retranscription) error {
	if r.WebhookURL != "" {
		if err := s.ValidURL(r.WebhookURL); err != nil {
			return Invalid(Issue{Pointer: "/webhook_url", Rule: err.Error()})
		}
	}
	return s.Store.InTx(ctx, func(tx Tx) error {
		l, err := tx.Lock(ctx, team, id)
		if err != nil {
			return err
		}
		if !l.Status.Terminal() {
			return wrongStatus(id, l.Status)
		}
		if s.Transcriber == nil {
			return fail.New(fail.Unprocessable, CodeNoTranscriber, "this server has no transcription service yet: recordings cannot be transcribed")
		}
		return s.Transcriber.Again(ctx, tx, l.Bot, r)
	})
}
