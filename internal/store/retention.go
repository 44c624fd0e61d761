package store

import (
	"context"
	"time"

	"steno/internal/job"
)

// Retention is the database as retention sees it. It implements
// artifact.Expirer.
type Retention struct{ DB *DB }

// Retain is the job that deletes what was kept for long enough.
type Retain struct{}

// Kind names the job.
func (Retain) Kind() string { return "retain" }

// Queue queues a run, unless one is queued already.
func (s Retention) Queue(ctx context.Context) error {
	return s.DB.InTx(ctx, func(tx *Tx) error { return tx.Enqueue(ctx, Retain{}, job.Opts{Unique: true, MaxAttempts: 3}) })
}

// TeamIDs returns all teams.
func (s Retention) TeamIDs(ctx context.Context) ([]string, error) {
	return list(ctx, s.DB, "SELECT id FROM teams ORDER BY id", nil, scanText)
}

// ExpireBots marks the data of bots as deleted and queues the removal of their
// files.
func (s Retention) ExpireBots(ctx context.Context, team string, before, now time.Time, limit int) (n int, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		// A bot that ended is changed by nobody but whoever deletes its data.
		ids, err := rowsOf(ctx, tx, `UPDATE bots SET artifacts_deleted = TRUE WHERE team_id = $1 AND id IN (SELECT id FROM bots
			WHERE team_id = $1 AND ended_at < $2 AND artifacts_deleted = FALSE ORDER BY ended_at LIMIT $3) RETURNING id`,
			[]any{team, before.UnixMilli(), limit}, scanText)
		if err != nil {
			return err
		}
		n = len(ids)
		for _, id := range ids {
			if _, err := tx.Exec(ctx, "UPDATE artifacts SET deleted_at = $1 WHERE team_id = $2 AND bot_id = $3 AND deleted_at IS NULL", now.UnixMilli(), team, id); err != nil {
				return err
			}
			if err := dropUtterances(ctx, tx, team, id); err != nil {
				return err
			}
			if err := tx.Index().Forget(ctx, team, id); err != nil {
				return err
			}
			if err := tx.Enqueue(ctx, DeleteData{BotID: id}, job.Opts{}); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// RequeueDeletes queues the removal of files that should be gone by now.
func (s Retention) RequeueDeletes(ctx context.Context, before time.Time) (n int, err error) {
	const most = 1000 // the next run does the rest
	ids, err := list(ctx, s.DB, "SELECT DISTINCT bot_id FROM artifacts WHERE deleted_at < $1 ORDER BY bot_id LIMIT $2", []any{before.UnixMilli(), most}, scanText)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return len(ids), s.DB.InTx(ctx, func(tx *Tx) error {
		for _, id := range ids {
			if err := tx.Enqueue(ctx, DeleteData{BotID: id}, job.Opts{Unique: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropOldCommands forgets commands for which nobody waits any more.
func (s Retention) DropOldCommands(ctx context.Context, before time.Time) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM bot_commands WHERE expires_at < $1", before.UnixMilli())
		return err
	})
}

// DropAnswers forgets kept answers of calendar services, and those to requests
// with a key.
func (s Retention) DropAnswers(ctx context.Context, lookups, keys time.Time) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM calendar_lookups WHERE fetched_at < $1", lookups.UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM request_keys WHERE created_at < $1", keys.UnixMilli())
		return err
	})
}

// expireOrder lists what belongs to an event, what points at others first.
var expireOrder = []string{
	"DELETE FROM event_decisions WHERE team_id = $1 AND event_id IN (",
	"DELETE FROM calendar_bots WHERE team_id = $1 AND event_id IN (",
	"DELETE FROM bot_rules WHERE team_id = $1 AND event_id IN (",
	"DELETE FROM event_details WHERE team_id = $1 AND event_id IN (",
	"DELETE FROM events WHERE team_id = $1 AND id IN (",
}

// ExpireEvents removes events that are over, and the series of those that stood
// alone.
func (s Retention) ExpireEvents(ctx context.Context, team string, before time.Time, limit int) (n int, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		ids, err := rowsOf(ctx, tx, "SELECT id FROM events WHERE team_id = $1 AND end_at < $2 ORDER BY end_at LIMIT $3", []any{team, before.UnixMilli(), limit}, scanText)
		if n = len(ids); err != nil || n == 0 {
			return err
		}
		args := texts([]any{team}, ids)
		in := placeholders(2, n) + ")"
		alone, err := rowsOf(ctx, tx, "SELECT DISTINCT series_id FROM events WHERE team_id = $1 AND recurring = FALSE AND id IN ("+in, args, scanText)
		if err != nil {
			return err
		}
		for _, query := range expireOrder {
			if _, err := tx.Exec(ctx, query+in, args...); err != nil {
				return err
			}
		}
		for _, series := range alone {
			for _, query := range []string{
				"DELETE FROM bot_rules WHERE team_id = $1 AND series_id = $2",
				"DELETE FROM event_series WHERE team_id = $1 AND id = $2 AND NOT EXISTS (SELECT 1 FROM events WHERE series_id = event_series.id)",
			} {
				if _, err := tx.Exec(ctx, query, team, series); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return n, err
}

// DataDeleted returns which of the bots have no data that may be kept: their
// folders go.
func (s Bots) DataDeleted(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return list(ctx, s.DB, "SELECT id FROM bots WHERE artifacts_deleted = TRUE AND id IN ("+placeholders(1, len(ids))+")", texts(nil, ids), scanText)
}

// Ended reports whether a bot has ended and none of its files may be kept.
func (s Bots) Ended(ctx context.Context, id string) (yes bool, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		return notFound(q.QueryRow(ctx, `SELECT ended_at IS NOT NULL AND artifacts_deleted
			AND NOT EXISTS (SELECT 1 FROM artifacts WHERE bot_id = bots.id AND deleted_at IS NULL) FROM bots WHERE id = $1`, id).Scan(&yes), id)
	})
	return yes, err
}

// ForgetArtifacts removes the rows of files that are gone.
func (s Bots) ForgetArtifacts(ctx context.Context, botID string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM artifacts WHERE bot_id = $1 AND deleted_at IS NOT NULL AND key IN ("+placeholders(2, len(keys))+")", texts([]any{botID}, keys)...)
		return err
	})
}
