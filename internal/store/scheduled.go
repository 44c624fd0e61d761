package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"steno/internal/bot"
	"steno/internal/fail"
)

// RequestVault seals and opens what scheduled bots were asked for.
type RequestVault interface {
	SealRequest(team, bot string, plain []byte) (sealed string, err error)
	OpenRequest(team, bot, sealed string) (plain []byte, err error)
}

const scheduledColumns = `id, team_id, name, meeting_url, meeting_key, platform, join_at, status, reason, extra, created_at, updated_at, cancelled_at`

// scanScheduled reads scheduledColumns and then more.
func scanScheduled(scan func(...any) error, more ...any) (s bot.Scheduled, err error) {
	var join, created, updated int64
	var cancelled sql.NullInt64
	var extra sql.NullString
	err = scan(append([]any{
		&s.ID, &s.TeamID, &s.Name, &s.MeetingURL, &s.MeetingKey, &s.Platform, &join, &s.Status, &s.Reason, &extra, &created, &updated, &cancelled,
	}, more...)...)
	s.JoinAt, s.CreatedAt, s.UpdatedAt, s.CancelledAt = timeOf(join), timeOf(created), timeOf(updated), maybeTime(cancelled)
	if extra.Valid {
		s.Extra = json.RawMessage(extra.String)
	}
	return s, err
}

// scanFull reads scheduledColumns and the request. A request that cannot be
// opened leaves what the other columns tell.
func (s Bots) scanFull(scan func(...any) error) (bot.Scheduled, error) {
	var sealed string
	sc, err := scanScheduled(scan, &sealed)
	if err != nil {
		return sc, err
	}
	plain, err := s.Requests.OpenRequest(sc.TeamID, sc.ID, sealed)
	if err == nil {
		var r bot.Request
		if err = json.Unmarshal(plain, &r); err == nil {
			sc.Request = r
		}
	}
	if err != nil {
		sc.Broken = fmt.Errorf("open the request of scheduled bot %s: %w", sc.ID, err)
	}
	return sc, nil
}

func scheduledNotFound(err error, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fail.New(fail.NotFound, bot.CodeScheduledNotFound, "Scheduled bot with ID '%s' not found", id)
	}
	return err
}

// ScheduledBot returns one scheduled bot of a team.
func (s Bots) ScheduledBot(ctx context.Context, team, id string) (sc bot.Scheduled, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		sc, err = s.scanFull(q.QueryRow(ctx, "SELECT "+scheduledColumns+", request FROM scheduled_bots WHERE id = $1 AND team_id = $2", id, team).Scan)
		return scheduledNotFound(err, id)
	})
	return sc, err
}

// ScheduledBots returns scheduled bots in the order of their time, without what
// is sealed.
func (s Bots) ScheduledBots(ctx context.Context, team string, q bot.ScheduledQuery) ([]bot.Scheduled, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	w.contains("name_folded", strings.ToLower(q.Name))
	w.contains("id", strings.ToLower(q.ID))
	w.contains("LOWER(meeting_url)", strings.ToLower(q.MeetingURL))
	in(&w, "platform", q.Platforms)
	in(&w, "status", q.Statuses)
	w.between("join_at", q.After, q.Before)
	for _, p := range q.Extra {
		w.extra(p)
	}
	query := w.page("SELECT "+scheduledColumns+" FROM scheduled_bots", "join_at", false, q.Span)
	return list(ctx, s.DB, query, w.args, func(rows *sql.Rows) (bot.Scheduled, error) { return scanScheduled(rows.Scan) })
}

// NextJoin returns when the first waiting bot is to join.
func (s Bots) NextJoin(ctx context.Context) (at time.Time, ok bool, err error) {
	var ms sql.NullInt64
	err = s.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, "SELECT MIN(join_at) FROM scheduled_bots WHERE status = 'scheduled'").Scan(&ms)
	})
	return timeOf(ms.Int64), ms.Valid, err
}

func (t botTx) PutScheduled(ctx context.Context, s bot.Scheduled) error {
	if t.s.Requests == nil {
		return errors.New("store: nothing seals the requests of scheduled bots")
	}
	plain, err := json.Marshal(s.Request)
	if err != nil {
		return err
	}
	sealed, err := t.s.Requests.SealRequest(s.TeamID, s.ID, plain)
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, `INSERT INTO scheduled_bots (`+scheduledColumns+`, name_folded, request)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, name_folded = excluded.name_folded, meeting_url = excluded.meeting_url,
			meeting_key = excluded.meeting_key, platform = excluded.platform, join_at = excluded.join_at, extra = excluded.extra,
			updated_at = excluded.updated_at, request = excluded.request`,
		s.ID, s.TeamID, s.Name, s.MeetingURL, s.MeetingKey, string(s.Platform), s.JoinAt.UnixMilli(), string(s.Status), string(s.Reason),
		maybeJSON(s.Extra), s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), maybeMS(s.CancelledAt), strings.ToLower(s.Name), sealed)
	return err
}

func (t botTx) ConcludeScheduled(ctx context.Context, s bot.Scheduled) error {
	_, err := t.Exec(ctx, "UPDATE scheduled_bots SET status = $1, reason = $2, updated_at = $3, cancelled_at = $4 WHERE id = $5 AND team_id = $6",
		string(s.Status), string(s.Reason), s.UpdatedAt.UnixMilli(), maybeMS(s.CancelledAt), s.ID, s.TeamID)
	return err
}

func (t botTx) FinishScheduled(ctx context.Context, ids []string, at time.Time) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := t.Exec(ctx, "UPDATE scheduled_bots SET status = 'completed', updated_at = $1 WHERE id IN ("+placeholders(2, len(ids))+")",
		texts([]any{at.UnixMilli()}, ids)...)
	return err
}

func (t botTx) LockScheduled(ctx context.Context, team, id string) (bot.Scheduled, error) {
	s, err := t.s.scanFull(t.QueryRow(ctx, "UPDATE scheduled_bots SET status = status WHERE id = $1 AND team_id = $2 RETURNING "+scheduledColumns+", request", id, team).Scan)
	return s, scheduledNotFound(err, id)
}

// DueScheduled locks the rows where others might want them: a SQLite database
// has one writer, which is this transaction.
func (t botTx) DueScheduled(ctx context.Context, until time.Time, limit int) ([]bot.Scheduled, error) {
	query := "SELECT " + scheduledColumns + ", request FROM scheduled_bots WHERE status = 'scheduled' AND join_at <= $1 ORDER BY join_at, id LIMIT $2"
	if !t.s.DB.sqlite {
		query += " FOR UPDATE SKIP LOCKED"
	}
	return rowsOf(ctx, t.Tx, query, []any{until.UnixMilli(), limit}, func(rows *sql.Rows) (bot.Scheduled, error) { return t.s.scanFull(rows.Scan) })
}
