package artifact

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"steno/internal/clock"
)

// Policy says how long a team keeps what it recorded.
type Policy interface {
	// RetentionDays is the number of days after a bot's end; 0 or less: for ever.
	RetentionDays(ctx context.Context, team string) (int, error)
}

// Expirer is the database as retention sees it. Every call does a bounded piece
// of work in a transaction of its own, so that a run may end anywhere, and the
// next goes on.
type Expirer interface {
	TeamIDs(ctx context.Context) ([]string, error)
	// ExpireBots marks the data of up to limit of a team's bots that ended before
	// a moment as deleted and queues the jobs that remove the files, in one
	// transaction. It returns how many there were.
	ExpireBots(ctx context.Context, team string, before, now time.Time, limit int) (int, error)
	// ExpireEvents removes up to limit of a team's calendar events that were over
	// before a moment.
	ExpireEvents(ctx context.Context, team string, before time.Time, limit int) (int, error)
	// RequeueDeletes queues the removal of files anew that are marked and still
	// listed: their job was lost or gave up.
	RequeueDeletes(ctx context.Context, before time.Time) (int, error)
	// DropOldCommands forgets what bots were to be told long ago.
	DropOldCommands(ctx context.Context, before time.Time) error
	// DropAnswers forgets what calendar services have said before a moment of what
	// is not kept current, and the answers to requests that had a key before
	// another.
	DropAnswers(ctx context.Context, lookups, keys time.Time) error
}

// Retention deletes what teams have kept for as long as they wanted.
type Retention struct {
	Store  Expirer
	Policy Policy
	// Window is how far back calendars are kept current: events in it would come
	// back at the next sync, so that they stay.
	Window time.Duration
	Clock  clock.Clock
	Log    *slog.Logger
	Batch  int // rows per transaction; 100 if zero
}

const (
	defaultBatch = 100
	// lost is how long the removal of files may take before it is queued again.
	lost = time.Hour
	day  = 24 * time.Hour
	// asked is after what time an answer of a calendar service is of no use.
	asked = time.Hour
)

// Run looks through all teams once. One that fails does not keep the others
// waiting. It may be repeated, and may end at any moment.
func (r *Retention) Run(ctx context.Context) error {
	now := r.Clock.Now()
	teams, err := r.Store.TeamIDs(ctx)
	if err != nil {
		return fmt.Errorf("list teams: %w", err)
	}
	var errs []error
	for _, team := range teams {
		if err := r.team(ctx, team, now); err != nil {
			errs = append(errs, fmt.Errorf("retention of team %s: %w", team, err))
		}
	}
	again, err := r.Store.RequeueDeletes(ctx, now.Add(-lost))
	if again > 0 {
		r.Log.Warn("files that should be gone are removed again", "bots", again)
	}
	return errors.Join(append(errs, err, r.Store.DropOldCommands(ctx, now.Add(-lost)), r.Store.DropAnswers(ctx, now.Add(-asked), now.Add(-day)))...)
}

func (r *Retention) team(ctx context.Context, team string, now time.Time) error {
	days, err := r.Policy.RetentionDays(ctx, team)
	if err != nil || days <= 0 {
		return err
	}
	before := now.Add(-time.Duration(days) * day)
	bots, err := r.batches(ctx, func(limit int) (int, error) { return r.Store.ExpireBots(ctx, team, before, now, limit) })
	if err != nil {
		return err
	}
	if window := now.Add(-r.Window - day); window.Before(before) {
		before = window
	}
	events, err := r.batches(ctx, func(limit int) (int, error) { return r.Store.ExpireEvents(ctx, team, before, limit) })
	if bots+events > 0 {
		r.Log.Info("kept for long enough", "team_id", team, "days", days, "bots", bots, "events", events)
	}
	return err
}

// batches repeats until a piece of work was the last.
func (r *Retention) batches(ctx context.Context, piece func(limit int) (int, error)) (sum int, err error) {
	limit := r.Batch
	if limit == 0 {
		limit = defaultBatch
	}
	for ctx.Err() == nil {
		n, err := piece(limit)
		sum += n
		if err != nil || n < limit {
			return sum, err
		}
	}
	return sum, ctx.Err()
}
