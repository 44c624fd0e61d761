package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/fail"
)

const feedColumns = "id, team_id, name, token_hash, created_at, rotated_at, used_at"

func scanFeed(scan func(...any) error) (f unified.Feed, err error) {
	var created int64
	var rotated, used sql.NullInt64
	err = scan(&f.ID, &f.TeamID, &f.Name, &f.TokenHash, &created, &rotated, &used)
	f.CreatedAt, f.RotatedAt, f.UsedAt = timeOf(created), maybeTime(rotated), maybeTime(used)
	return f, err
}

func noFeed() error {
	return fail.New(fail.NotFound, unified.CodeNoFeed, "there is no feed with this id; GET /api/v2/calendar/feeds lists them")
}

// AddFeed adds a feed, if the team has less than most.
func (s Unified) AddFeed(ctx context.Context, f unified.Feed, most int) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "INSERT INTO calendar_feeds ("+feedColumns+`) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT), NULL, NULL
			WHERE (SELECT COUNT(*) FROM calendar_feeds WHERE team_id = $2) < $6`, f.ID, f.TeamID, f.Name, f.TokenHash, f.CreatedAt.UnixMilli(), most)
		if err == nil && n == 0 {
			return fail.New(fail.Conflict, unified.CodeFeedLimit, "the team has %d feeds already; delete one with DELETE /api/v2/calendar/feeds/{id}", most)
		}
		return err
	})
}

// Feeds returns a team's feeds, oldest first.
func (s Unified) Feeds(ctx context.Context, team string) ([]unified.Feed, error) {
	return list(ctx, s.DB, "SELECT "+feedColumns+" FROM calendar_feeds WHERE team_id = $1 ORDER BY created_at, id", []any{team},
		func(rows *sql.Rows) (unified.Feed, error) { return scanFeed(rows.Scan) })
}

// FeedByToken returns the feed whose token has that hash.
func (s Unified) FeedByToken(ctx context.Context, hash string) (f unified.Feed, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		f, err = scanFeed(q.QueryRow(ctx, "SELECT "+feedColumns+" FROM calendar_feeds WHERE token_hash = $1", hash).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = noFeed()
	}
	return f, err
}

// RotateFeed gives a feed another token.
func (s Unified) RotateFeed(ctx context.Context, team, id, hash string, at time.Time) (f unified.Feed, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		f, err = scanFeed(tx.QueryRow(ctx, "UPDATE calendar_feeds SET token_hash = $1, rotated_at = $2 WHERE team_id = $3 AND id = $4 RETURNING "+feedColumns,
			hash, at.UnixMilli(), team, id).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return noFeed()
		}
		return err
	})
	return f, err
}

// DeleteFeed removes a feed.
func (s Unified) DeleteFeed(ctx context.Context, team, id string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "DELETE FROM calendar_feeds WHERE team_id = $1 AND id = $2", team, id)
		if err == nil && n == 0 {
			return noFeed()
		}
		return err
	})
}

// TouchFeed notes when a feed was last read.
func (s Unified) TouchFeed(ctx context.Context, id string, at time.Time) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE calendar_feeds SET used_at = $1 WHERE id = $2", at.UnixMilli(), id)
		return err
	})
}

// FeedEvents returns the first live events of these calendars that begin in the
// window.
func (s Unified) FeedEvents(ctx context.Context, team string, calendars []string, w calendar.Window, limit int) ([]unified.Stored, error) {
	if len(calendars) == 0 {
		return nil, nil
	}
	return list(ctx, s.DB, "SELECT "+storedColumns+" FROM events WHERE team_id = $1 AND start_at >= $2 AND start_at < $3 AND "+live+
		" AND calendar_id IN ("+placeholders(5, len(calendars))+") ORDER BY start_at, id LIMIT $4",
		texts([]any{team, w.Start.UnixMilli(), w.End.UnixMilli(), limit}, calendars), scanStored)
}
