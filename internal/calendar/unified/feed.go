package unified

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/clock"
	"steno/internal/fail"
	"steno/internal/ident"
)

// Codes about feeds.
const (
	CodeNoFeed    = "FEED_NOT_FOUND"
	CodeFeedToken = "UNAUTHORIZED"
	CodeFeedLimit = "FEED_LIMIT_REACHED"
)

// Bounds of feeds.
const (
	MaxFeeds  = 50 // of a team
	feedPast  = 30 * 24 * time.Hour
	feedAhead = 400 * 24 * time.Hour
	feedMost  = 5000 // events, the first ones
	// feedTouch is how often the time of last use is written.
	feedTouch = time.Hour
)

// Feed lets programs subscribe to the calendars of a team: whoever has its token
// may read them, without a key.
type Feed struct {
	ID        string
	TeamID    string
	Name      string
	TokenHash string // SHA-256, hex
	CreatedAt time.Time
	RotatedAt *time.Time // when it got its present token, if not at first
	UsedAt    *time.Time
}

// FeedStore keeps feeds. Reads by team find nothing of another one; what is not
// there is fail.NotFound.
type FeedStore interface {
	TeamConnections(ctx context.Context, team string) ([]calendar.Connection, error)
	// AddFeed adds a feed, if the team has less than most.
	AddFeed(ctx context.Context, f Feed, most int) error
	// Feeds returns a team's feeds, oldest first.
	Feeds(ctx context.Context, team string) ([]Feed, error)
	FeedByToken(ctx context.Context, hash string) (Feed, error)
	RotateFeed(ctx context.Context, team, id, hash string, at time.Time) (Feed, error)
	DeleteFeed(ctx context.Context, team, id string) error
	TouchFeed(ctx context.Context, id string, at time.Time) error
	// FeedEvents returns the first live events of these calendars that begin in
	// the window.
	FeedEvents(ctx context.Context, team string, calendars []string, w calendar.Window, limit int) ([]Stored, error)
}

// Feeds manages feeds and reads their events.
type Feeds struct {
	Store FeedStore
	Clock clock.Clock
}

// FeedEvent is an event of a feed.
type FeedEvent struct {
	Event
	UID     string // stays when the event moves
	Status  calendar.Status
	Changed time.Time
}

// Create adds a feed, and returns its token in clear: the only time that anybody
// sees it.
func (s *Feeds) Create(ctx context.Context, team, name string) (Feed, string, error) {
	name = strings.TrimSpace(name)
	if len(name) > 255 || strings.ContainsRune(name, 0) {
		return Feed{}, "", fail.New(fail.Invalid, CodeValidation, "name: must have at most 255 bytes, and no U+0000")
	}
	token, hash := newToken()
	f := Feed{ID: ident.New(), TeamID: team, Name: name, TokenHash: hash, CreatedAt: s.Clock.Now()}
	return f, token, s.Store.AddFeed(ctx, f, MaxFeeds)
}

// List returns a team's feeds, oldest first.
func (s *Feeds) List(ctx context.Context, team string) ([]Feed, error) {
	return s.Store.Feeds(ctx, team)
}

// Rotate gives a feed another token; the old one no longer works.
func (s *Feeds) Rotate(ctx context.Context, team, id string) (Feed, string, error) {
	token, hash := newToken()
	f, err := s.Store.RotateFeed(ctx, team, id, hash, s.Clock.Now())
	return f, token, err
}

// Delete removes a feed; its token no longer works.
func (s *Feeds) Delete(ctx context.Context, team, id string) error {
	return s.Store.DeleteFeed(ctx, team, id)
}

// Read returns what a feed shows: what is stored of all calendars, from a month
// ago on. It calls no service.
func (s *Feeds) Read(ctx context.Context, token string) (Feed, []FeedEvent, error) {
	f, err := s.Store.FeedByToken(ctx, hashOf(token))
	if fail.Is(err, fail.NotFound) {
		return f, nil, fail.New(fail.Unauthorized, CodeFeedToken, "the token of this feed is missing, unknown or revoked; take the feed's URL from POST /api/v2/calendar/feeds")
	}
	if err != nil {
		return f, nil, err
	}
	now := s.Clock.Now()
	if f.UsedAt == nil || now.Sub(*f.UsedAt) >= feedTouch {
		if err := s.Store.TouchFeed(ctx, f.ID, now); err != nil {
			return f, nil, err
		}
	}
	all, err := s.Store.TeamConnections(ctx, f.TeamID)
	if err != nil {
		return f, nil, err
	}
	of, ids := map[string]calendar.Connection{}, []string{}
	for _, c := range all {
		if _, gone := inactive(c); !gone {
			of[c.ID] = c
			ids = append(ids, c.ID)
		}
	}
	rows, err := s.Store.FeedEvents(ctx, f.TeamID, ids, calendar.Window{Start: now.Add(-feedPast), End: now.Add(feedAhead)}, feedMost)
	if err != nil {
		return f, nil, err
	}
	out := make([]FeedEvent, 0, len(rows))
	for _, x := range rows {
		out = append(out, FeedEvent{Event: ofStored(x, of[x.CalendarID]), UID: x.Event.ID, Status: x.Status, Changed: x.UpdatedAt})
	}
	return f, out, nil
}

// A token is "stf_" and 256 random bits.
const tokenPrefix = "stf_"

func newToken() (token, hash string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails, see crypto/rand
	token = tokenPrefix + base64.RawURLEncoding.EncodeToString(raw[:])
	return token, hashOf(token)
}

// hashOf is what is stored of a token; it has enough random bits to need no salt.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
