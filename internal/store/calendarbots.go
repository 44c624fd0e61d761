package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
)

const ruleColumns = "id, team_id, calendar_id, series_id, event_id, off, settings, created_at, updated_at"

func (t calendarTx) Rules(ctx context.Context, team string, series, events []string) ([]calendar.Rule, error) {
	return t.s.rules(ctx, t, team, series, events)
}

func (s Calendars) rules(ctx context.Context, q Querier, team string, series, events []string) ([]calendar.Rule, error) {
	if len(series) == 0 {
		return nil, nil
	}
	// Rules of events are found by their series: there are few of them.
	query := "SELECT " + ruleColumns + " FROM bot_rules WHERE team_id = $1 AND series_id IN (" + placeholders(2, len(series)) + ")"
	args := texts([]any{team}, series)
	if len(events) == 0 {
		query += " AND event_id = ''"
	}
	return rowsOf(ctx, q, query, args, func(rows *sql.Rows) (r calendar.Rule, err error) {
		var sealed string
		var created, updated int64
		if err = rows.Scan(&r.ID, &r.TeamID, &r.CalendarID, &r.SeriesID, &r.EventID, &r.Off, &sealed, &created, &updated); err != nil {
			return r, err
		}
		r.CreatedAt, r.UpdatedAt = timeOf(created), timeOf(updated)
		if sealed != "" {
			r.Settings, err = s.Vault.OpenRule(team, r.ID, sealed)
		}
		return r, err
	})
}

func (t calendarTx) PutRule(ctx context.Context, r calendar.Rule) (err error) {
	sealed := ""
	if len(r.Settings) > 0 {
		if sealed, err = t.s.Vault.SealRule(r.TeamID, r.ID, r.Settings); err != nil {
			return err
		}
	}
	_, err = t.Exec(ctx, `INSERT INTO bot_rules (`+ruleColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (id) DO UPDATE SET off = excluded.off, settings = excluded.settings, updated_at = excluded.updated_at`,
		r.ID, r.TeamID, r.CalendarID, r.SeriesID, r.EventID, r.Off, sealed, r.CreatedAt.UnixMilli(), r.UpdatedAt.UnixMilli())
	return err
}

func (t calendarTx) DeleteRule(ctx context.Context, team, id string, _ time.Time) error {
	_, err := t.Exec(ctx, "DELETE FROM bot_rules WHERE team_id = $1 AND id = $2", team, id)
	return err
}

const scheduleColumns = "event_id, team_id, calendar_id, rule_id, bot_id, state, join_at, meeting_url, meeting_platform, meeting_key, reason, created_at, updated_at, dedup_key"

func scanSchedule(scan func(...any) error) (s calendar.Schedule, err error) {
	var join, created, updated int64
	err = scan(&s.EventID, &s.TeamID, &s.CalendarID, &s.RuleID, &s.BotID, &s.State, &join, &s.Link.URL, &s.Link.Platform, &s.Link.Key, &s.Reason, &created, &updated, &s.DedupKey)
	s.CreatedAt, s.UpdatedAt = timeOf(created), timeOf(updated)
	if join != 0 {
		s.JoinAt = timeOf(join)
	}
	return s, err
}

func (t calendarTx) Schedules(ctx context.Context, team string, events []string) (map[string]calendar.Schedule, error) {
	out := map[string]calendar.Schedule{}
	for len(events) > 0 {
		n := min(500, len(events))
		found, err := rowsOf(ctx, t, "SELECT "+scheduleColumns+" FROM calendar_bots WHERE team_id = $1 AND event_id IN ("+placeholders(2, n)+")",
			texts([]any{team}, events[:n]), func(rows *sql.Rows) (calendar.Schedule, error) { return scanSchedule(rows.Scan) })
		if err != nil {
			return nil, err
		}
		for _, s := range found {
			out[s.EventID] = s
		}
		events = events[n:]
	}
	return out, nil
}

func (t calendarTx) ScheduleOf(ctx context.Context, event string) (calendar.Schedule, error) {
	s, err := scanSchedule(t.QueryRow(ctx, "SELECT "+scheduleColumns+" FROM calendar_bots WHERE event_id = $1", event).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return s, fail.New(fail.NotFound, calendar.CodeBotNotFound, "event %s has no bot", event)
	}
	return s, err
}

func (t calendarTx) PutSchedule(ctx context.Context, s calendar.Schedule) error {
	_, err := t.Exec(ctx, `INSERT INTO calendar_bots (`+scheduleColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		ON CONFLICT (event_id) DO UPDATE SET rule_id = excluded.rule_id, bot_id = excluded.bot_id, state = excluded.state, join_at = excluded.join_at,
		meeting_url = excluded.meeting_url, meeting_platform = excluded.meeting_platform, meeting_key = excluded.meeting_key,
		reason = excluded.reason, updated_at = excluded.updated_at, dedup_key = excluded.dedup_key`,
		s.EventID, s.TeamID, s.CalendarID, s.RuleID, s.BotID, string(s.State), msOf(s.JoinAt), s.Link.URL, s.Link.Platform, s.Link.Key,
		string(s.Reason), s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), s.DedupKey)
	return err
}

func (t calendarTx) AddDecision(ctx context.Context, d calendar.Decision) error {
	var join any
	if !d.JoinAt.IsZero() {
		join = d.JoinAt.UnixMilli()
	}
	_, err := t.Exec(ctx, `INSERT INTO event_decisions (event_id, n, team_id, at, state, reason, bot_id, join_at)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(n), 0) + 1, CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS BIGINT)
		FROM event_decisions WHERE event_id = $1`, d.EventID, d.TeamID, d.At.UnixMilli(), string(d.State), string(d.Reason), d.BotID, join)
	return err
}

// Decisions returns the story of an event's bot.
func (s Calendars) Decisions(ctx context.Context, team, event string) ([]calendar.Decision, error) {
	return list(ctx, s.DB, "SELECT team_id, event_id, at, state, reason, bot_id, join_at FROM event_decisions WHERE team_id = $1 AND event_id = $2 ORDER BY n",
		[]any{team, event}, func(rows *sql.Rows) (d calendar.Decision, err error) {
			var at int64
			var join sql.NullInt64
			err = rows.Scan(&d.TeamID, &d.EventID, &at, &d.State, &d.Reason, &d.BotID, &join)
			d.At = timeOf(at)
			if join.Valid {
				d.JoinAt = timeOf(join.Int64)
			}
			return d, err
		})
}

func (t calendarTx) SharedBot(ctx context.Context, s calendar.Schedule, near time.Duration) (id string, err error) {
	_, err = t.Exec(ctx, `INSERT INTO meeting_locks (team_id, meeting_key, locked_at) VALUES ($1, $2, $3)
		ON CONFLICT (team_id, meeting_key) DO UPDATE SET locked_at = excluded.locked_at`, s.TeamID, s.Link.Key, s.JoinAt.UnixMilli())
	if err != nil {
		return "", err
	}
	err = t.QueryRow(ctx, `SELECT cb.bot_id FROM calendar_bots cb JOIN bots b ON b.id = cb.bot_id
		WHERE cb.team_id = $1 AND cb.meeting_key = $2 AND cb.state = 'completed' AND cb.join_at BETWEEN $3 AND $4
		AND cb.event_id <> $5 AND cb.dedup_key = $6 AND b.ended_at IS NULL ORDER BY cb.join_at LIMIT 1`,
		s.TeamID, s.Link.Key, s.JoinAt.Add(-near).UnixMilli(), s.JoinAt.Add(near).UnixMilli(), s.EventID, s.DedupKey).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return id, err
}

func (t calendarTx) BotUsers(ctx context.Context, team, botID, exceptEvent string) (n int, err error) {
	err = t.QueryRow(ctx, "SELECT COUNT(*) FROM calendar_bots WHERE team_id = $1 AND bot_id = $2 AND state = 'completed' AND event_id <> $3",
		team, botID, exceptEvent).Scan(&n)
	return n, err
}

func (t calendarTx) OpenSchedules(ctx context.Context, team, id string) ([]calendar.Schedule, error) {
	return rowsOf(ctx, t, "SELECT "+scheduleColumns+` FROM calendar_bots WHERE team_id = $1 AND calendar_id = $2
		AND (state IN ('waiting', 'scheduled') OR (state = 'completed' AND EXISTS (SELECT 1 FROM bots b WHERE b.id = bot_id AND b.ended_at IS NULL)))`,
		[]any{team, id}, func(rows *sql.Rows) (calendar.Schedule, error) { return scanSchedule(rows.Scan) })
}

func (t calendarTx) DropRules(ctx context.Context, team, id string) error {
	if _, err := t.Exec(ctx, "DELETE FROM bot_rules WHERE team_id = $1 AND calendar_id = $2", team, id); err != nil {
		return err
	}
	_, err := t.Exec(ctx, "UPDATE event_series SET bot_scheduled = FALSE WHERE team_id = $1 AND calendar_id = $2 AND bot_scheduled", team, id)
	return err
}

func (t calendarTx) DedupKey(settings []byte) string { return t.s.Bots.DedupKey(settings) }

func (t calendarTx) CreateBot(ctx context.Context, o calendar.BotOrder) (refused bool, err error) {
	return t.s.Bots.Create(ctx, t.Tx, o)
}

func (t calendarTx) StopBot(ctx context.Context, team, botID string) error {
	return t.s.Bots.Stop(ctx, t.Tx, team, botID)
}

func (t calendarTx) RepointBot(ctx context.Context, team, botID, url string) (bool, error) {
	return t.s.Bots.Repoint(ctx, t.Tx, team, botID, url)
}

func (t calendarTx) BotPhase(ctx context.Context, team, botID string) (calendar.BotPhase, error) {
	var joined, ended sql.NullInt64
	err := t.QueryRow(ctx, "SELECT joined_at, ended_at FROM bots WHERE team_id = $1 AND id = $2", team, botID).Scan(&joined, &ended)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return calendar.BotNone, nil
	case err != nil:
		return "", err
	case ended.Valid:
		return calendar.BotEnded, nil
	case joined.Valid:
		return calendar.BotInside, nil
	}
	return calendar.BotWaiting, nil
}
