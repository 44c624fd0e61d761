package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/bot"
	"steno/internal/fail"
)

// Vault seals what a bot's row must not hold in clear.
type Vault interface {
	SealBot(team, bot, column, plain string) (sealed string, err error)
}

// Bots keeps bots. It implements bot.Store and what hosts ask of their bots.
type Bots struct {
	DB    *DB
	Vault Vault
	// Requests seals what scheduled bots were asked for; nil: there are none.
	Requests RequestVault
	// Quota says what teams may have; nil: everything, and nothing is booked.
	Quota QuotaRoom
}

const botColumns = `id, team_id, name, meeting_url, meeting_key, platform, mode, status, created_at, updated_at,
	joined_at, exited_at, ended_at, duration_ms, end_code, end_message, extra, artifacts_deleted,
	leave_requested_at, launched_at, host, event_id, surface`

// scanBot reads botColumns and then more.
func scanBot(scan func(...any) error, more ...any) (b bot.Bot, err error) {
	var created, updated int64
	var joined, exited, ended, duration, leave, launched sql.NullInt64
	var extra sql.NullString
	err = scan(append([]any{
		&b.ID, &b.TeamID, &b.Name, &b.MeetingURL, &b.MeetingKey, &b.Platform, &b.Mode, &b.Status, &created, &updated,
		&joined, &exited, &ended, &duration, &b.EndCode, &b.EndMessage, &extra, &b.ArtifactsDeleted,
		&leave, &launched, &b.Host, &b.EventID, &b.Surface,
	}, more...)...)
	b.CreatedAt, b.UpdatedAt = timeOf(created), timeOf(updated)
	b.JoinedAt, b.ExitedAt, b.EndedAt = maybeTime(joined), maybeTime(exited), maybeTime(ended)
	b.LeaveRequestedAt, b.LaunchedAt = maybeTime(leave), maybeTime(launched)
	if duration.Valid {
		d := time.Duration(duration.Int64) * time.Millisecond
		b.Duration = &d
	}
	if extra.Valid {
		b.Extra = json.RawMessage(extra.String)
	}
	return b, err
}

func notFound(err error, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fail.New(fail.NotFound, bot.CodeNotFound, "Bot with ID '%s' not found", id)
	}
	return err
}

// Bot returns one bot of a team.
func (s Bots) Bot(ctx context.Context, team, id string) (b bot.Bot, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		b, err = scanBot(q.QueryRow(ctx, "SELECT "+botColumns+" FROM bots WHERE id = $1 AND team_id = $2", id, team).Scan)
		return notFound(err, id)
	})
	return b, err
}

// Details returns one bot of a team with all that belongs to it.
func (s Bots) Details(ctx context.Context, team, id string) (d bot.Details, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		var config string
		d.Bot, err = scanBot(q.QueryRow(ctx, "SELECT "+botColumns+`,
			(SELECT config FROM bot_configs WHERE bot_id = bots.id) FROM bots WHERE id = $1 AND team_id = $2`, id, team).Scan, &config)
		if err != nil {
			return notFound(err, id)
		}
		return addDetails(ctx, q, &d, config)
	})
	return d, err
}

func addDetails(ctx context.Context, q Querier, d *bot.Details, config string) (err error) {
	if err := json.Unmarshal([]byte(config), &d.Config); err != nil {
		return err
	}
	if d.People, d.Speakers, err = people(ctx, q, d.ID); err != nil {
		return err
	}
	if d.Artifacts, err = artifacts(ctx, q, d.ID); err != nil {
		return err
	}
	d.Transcribed, err = transcribed(ctx, q, d.ID)
	return err
}

// InTx runs fn in a write transaction.
func (s Bots) InTx(ctx context.Context, fn func(tx bot.Tx) error) error {
	return s.DB.InTx(ctx, func(tx *Tx) error { return fn(botTx{tx, s}) })
}

// On returns the transaction as the room of bots sees it.
func (s Bots) On(tx *Tx) bot.Tx { return botTx{tx, s} }

// List returns bots in the order of their creation.
func (s Bots) List(ctx context.Context, team string, q bot.Query) ([]bot.Bot, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	w.filter(q.Filter)
	query := w.page("SELECT "+botColumns+" FROM bots", "created_at", true, q.Span)
	return list(ctx, s.DB, query, w.args, func(rows *sql.Rows) (bot.Bot, error) { return scanBot(rows.Scan) })
}

// LiveOn returns the bots of a host that have not ended.
func (s Bots) LiveOn(ctx context.Context, host string) ([]bot.Live, error) {
	const query = `SELECT id, journal_seq, status FROM bots
		WHERE host = $1 AND ended_at IS NULL ORDER BY id`
	return list(ctx, s.DB, query, []any{host}, func(rows *sql.Rows) (l bot.Live, err error) {
		err = rows.Scan(&l.ID, &l.Seq, &l.Status)
		return l, err
	})
}

// AppliedSeq returns the journal sequence number up to which a bot's reports
// were applied.
func (s Bots) AppliedSeq(ctx context.Context, botID string) (seq int64, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		return notFound(q.QueryRow(ctx, "SELECT journal_seq FROM bots WHERE id = $1", botID).Scan(&seq), botID)
	})
	return seq, err
}

// LeaveWishes returns which of the bots somebody told to leave.
func (s Bots) LeaveWishes(ctx context.Context, ids []string) ([]string, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(ids))
	for _, id := range ids {
		args = append(args, id)
	}
	query := "SELECT id FROM bots WHERE leave_requested_at IS NOT NULL AND ended_at IS NULL AND id IN (" + placeholders(1, len(ids)) + ")"
	return list(ctx, s.DB, query, args, func(rows *sql.Rows) (id string, err error) {
		err = rows.Scan(&id)
		return id, err
	})
}
