package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/ident"
	"steno/internal/job"
	"steno/internal/webhook"
)

// CalendarVault seals and opens what calendars keep secret.
type CalendarVault interface {
	SealGrant(team, calendar string, plain []byte) (string, error)
	OpenGrant(team, calendar, sealed string) ([]byte, error)
	SealRule(team, rule string, plain []byte) (string, error)
	OpenRule(team, rule, sealed string) ([]byte, error)
}

// BotRoom is the room of bots inside of a transaction of this store.
type BotRoom interface {
	Create(ctx context.Context, tx *Tx, o calendar.BotOrder) (refused bool, err error)
	Stop(ctx context.Context, tx *Tx, team, botID string) error
	Repoint(ctx context.Context, tx *Tx, team, botID, url string) (bool, error)
	DedupKey(settings []byte) string
}

// Calendars keeps connections, events and calendar bots. It implements
// calendar.Store.
type Calendars struct {
	DB    *DB
	Vault CalendarVault
	Bots  BotRoom
	// Quota says what teams may have; nil: everything.
	Quota QuotaRoom
}

// InTx runs fn in a write transaction.
func (s Calendars) InTx(ctx context.Context, fn func(tx calendar.Tx) error) error {
	copied := int64(0)
	err := s.DB.InTx(ctx, func(tx *Tx) error {
		defer func() { copied = tx.copied }()
		if s.DB.Shared() {
			// PostgreSQL would go over to a plan that it made while the tables were
			// empty, and compare every row of a calendar with hundreds of ids.
			if _, err := tx.Exec(ctx, "SET LOCAL plan_cache_mode = force_custom_plan"); err != nil {
				return err
			}
		}
		return fn(calendarTx{tx, s})
	})
	if err == nil {
		s.DB.learn(ctx, copied)
	}
	return err
}

// calendarTx implements calendar.Tx.
type calendarTx struct {
	*Tx
	s Calendars
}

// SyncCalendar is the job that brings a calendar up to date.
type SyncCalendar struct {
	CalendarID string `json:"calendar_id"`
}

// Kind names the job.
func (SyncCalendar) Kind() string { return "sync_calendar" }

// WatchCalendar is the job that opens or renews a push channel.
type WatchCalendar struct {
	CalendarID string `json:"calendar_id"`
}

// Kind names the job.
func (WatchCalendar) Kind() string { return "watch_calendar" }

// DropCalendar is the job that removes the rows of a deleted connection.
type DropCalendar struct {
	CalendarID string `json:"calendar_id"`
}

// Kind names the job.
func (DropCalendar) Kind() string { return "drop_calendar" }

func (t calendarTx) EnqueueSync(ctx context.Context, id string) error {
	// The connection says itself when to try again; the job is tried twice more
	// for the sake of a database that was away.
	return t.Enqueue(ctx, SyncCalendar{id}, job.Opts{Queue: job.Calendars, MaxAttempts: 3})
}

func (t calendarTx) EnqueueWatch(ctx context.Context, id string) error {
	return t.Enqueue(ctx, WatchCalendar{id}, job.Opts{Queue: job.Calendars, MaxAttempts: 3})
}

func (t calendarTx) EnqueueDrop(ctx context.Context, id string) error {
	return t.Enqueue(ctx, DropCalendar{id}, job.Opts{Queue: job.Calendars})
}

func (t calendarTx) Emit(ctx context.Context, m calendar.Message) error {
	surface := webhook.V2
	if m.V1 {
		surface = webhook.V1
	}
	return t.EmitWebhook(ctx, webhook.Event{TeamID: m.TeamID, Type: webhook.EventType(m.Event), Payload: m.Body, At: m.At, OnRequest: m.OnRequest, Surface: surface})
}

// NoteChanges stores nothing for a team without an address of v1.
func (t calendarTx) NoteChanges(ctx context.Context, c calendar.Connection, events []string) error {
	var told int
	err := t.QueryRow(ctx, "SELECT COUNT(*) FROM webhook_endpoints WHERE team_id = $1 AND surface = 'v1'", c.TeamID).Scan(&told)
	if err != nil || told == 0 {
		return err
	}
	for ids := range slices.Chunk(events, notesPerInsert) {
		values := make([]string, 0, len(ids))
		for i := range ids {
			values = append(values, "($1, $"+strconv.Itoa(i+2)+")")
		}
		_, err := t.Exec(ctx, "INSERT INTO calendar_changes (calendar_id, event_id) VALUES "+strings.Join(values, ", ")+" ON CONFLICT DO NOTHING", texts([]any{c.ID}, ids)...)
		if err != nil {
			return err
		}
	}
	return nil
}

const notesPerInsert = 100

// TakeChanges returns what NoteChanges has stored, and forgets it.
func (t calendarTx) TakeChanges(ctx context.Context, c calendar.Connection) ([]string, error) {
	return rowsOf(ctx, t, "DELETE FROM calendar_changes WHERE calendar_id = $1 RETURNING event_id", []any{c.ID}, scanText)
}

const connectionColumns = `id, team_id, platform, raw_id, email, name, time_zone, metadata, status, status_message, synced_at, sync_status,
	sync_error, created_at, updated_at, deleted_at, cursor_text, window_start, window_end, announced, generation, full_wanted, roll_at,
	sync_at, sync_queued_at, sync_by, sync_until, sync_started_at, sync_failures,
	channel_id, channel_provider_id, channel_expires, watch_at, watch_failures, reach_at, stale_at, preferred`

func scanConnection(scan func(...any) error) (c calendar.Connection, err error) {
	var metadata sql.NullString
	var synced, deleted, at, queued, expires, watch, stale sql.NullInt64
	var created, updated, start, end, roll, until, started, reach int64
	s, w := &c.Sync, &c.Watch
	err = scan(&c.ID, &c.TeamID, &c.Platform, &c.RawID, &c.Email, &c.Name, &c.TimeZone, &metadata, &c.Status, &c.StatusMessage, &synced, &c.SyncStatus,
		&c.SyncError, &created, &updated, &deleted, &s.Cursor, &start, &end, &s.Announced, &s.Generation, &s.FullWanted, &roll,
		&at, &queued, &s.By, &until, &started, &s.Failures,
		&w.ChannelID, &w.ProviderID, &expires, &watch, &w.Failures, &reach, &stale, &c.Preferred)
	if metadata.Valid {
		c.Metadata = []byte(metadata.String)
	}
	c.SyncedAt, c.DeletedAt, s.At, s.QueuedAt, w.Expires, w.RenewAt = maybeTime(synced), maybeTime(deleted), maybeTime(at), maybeTime(queued), maybeTime(expires), maybeTime(watch)
	s.StaleAt = maybeTime(stale)
	c.CreatedAt, c.UpdatedAt, s.RollAt, s.Until, s.StartedAt = timeOf(created), timeOf(updated), timeOf(roll), timeOf(until), timeOf(started)
	s.Window = calendar.Window{Start: timeOf(start), End: timeOf(end)}
	if reach != 0 {
		s.Reach = timeOf(reach)
	}
	return c, err
}

func noCalendar(err error, id string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fail.New(fail.NotFound, calendar.CodeNotFound, "Calendar with ID '%s' not found", id)
	}
	return err
}

// Connection returns one connection of a team.
func (s Calendars) Connection(ctx context.Context, team, id string) (c calendar.Connection, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		c, err = scanConnection(q.QueryRow(ctx, "SELECT "+connectionColumns+` FROM calendars
			WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL`, team, id).Scan)
		return noCalendar(err, id)
	})
	return c, err
}

// Connections returns connections, newest first.
func (s Calendars) Connections(ctx context.Context, team string, q calendar.ConnectionQuery) ([]calendar.Connection, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	w.add("deleted_at IS NULL")
	w.contains("email_folded", strings.ToLower(q.Email))
	in(&w, "platform", q.Platforms)
	in(&w, "status", q.Statuses)
	query := w.page("SELECT "+connectionColumns+" FROM calendars", "created_at", true, q.Span)
	return list(ctx, s.DB, query, w.args, func(rows *sql.Rows) (calendar.Connection, error) { return scanConnection(rows.Scan) })
}

func (t calendarTx) LockConnection(ctx context.Context, team, id string) (calendar.Connection, error) {
	// The update that changes nothing is what locks the row in words that both
	// databases know.
	c, err := scanConnection(t.QueryRow(ctx, `UPDATE calendars SET generation = generation
		WHERE id = $1 AND (team_id = $2 OR $2 = '') AND (deleted_at IS NULL OR $2 = '') RETURNING `+connectionColumns, id, team).Scan)
	return c, noCalendar(err, id)
}

func (t calendarTx) InsertConnection(ctx context.Context, c calendar.Connection, g calendar.Grant) error {
	if err := t.onlyOnce(ctx, c); err != nil {
		return err
	}
	_, err := t.Exec(ctx, `INSERT INTO calendars (id, team_id, platform, raw_id, email, email_folded, name, time_zone, metadata, status,
		created_at, updated_at, roll_at, sync_at, sync_queued_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
		c.ID, c.TeamID, string(c.Platform), c.RawID, c.Email, strings.ToLower(c.Email), c.Name, c.TimeZone, maybeJSON(c.Metadata), string(c.Status),
		c.CreatedAt.UnixMilli(), c.UpdatedAt.UnixMilli(), c.Sync.RollAt.UnixMilli(), maybeMS(c.Sync.At), maybeMS(c.Sync.QueuedAt))
	if err = classify(err); errors.Is(err, ErrDuplicate) {
		return connected("another request")
	}
	if err != nil {
		return err
	}
	return t.PutGrant(ctx, c, g)
}

func (t calendarTx) MoveConnection(ctx context.Context, c calendar.Connection) error {
	if err := t.onlyOnce(ctx, c); err != nil {
		return err
	}
	_, err := t.Exec(ctx, "UPDATE calendars SET platform = $1, raw_id = $2 WHERE team_id = $3 AND id = $4", string(c.Platform), c.RawID, c.TeamID, c.ID)
	if err = classify(err); errors.Is(err, ErrDuplicate) {
		return connected("another request")
	}
	return err
}

// onlyOnce refuses a calendar that another connection of the team is about. It
// is asked for first: on PostgreSQL a broken constraint spoils the transaction.
func (t calendarTx) onlyOnce(ctx context.Context, c calendar.Connection) error {
	var twin string
	err := t.QueryRow(ctx, `SELECT id FROM calendars WHERE team_id = $1 AND platform = $2 AND raw_id = $3 AND id <> $4 AND deleted_at IS NULL`,
		c.TeamID, string(c.Platform), c.RawID, c.ID).Scan(&twin)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return connected(twin)
}

func connected(twin string) error {
	return fail.New(fail.Conflict, calendar.CodeExists,
		"/raw_calendar_id: this calendar is connected already (%s); change its credentials with PATCH, or delete it first", twin)
}

func (t calendarTx) UpdateConnection(ctx context.Context, c calendar.Connection) error {
	s, w := c.Sync, c.Watch
	_, err := t.Exec(ctx, `UPDATE calendars SET email = $1, email_folded = $2, name = $3, time_zone = $4, metadata = $5, status = $6,
		status_message = $7, synced_at = $8, sync_status = $9, sync_error = $10, updated_at = $11, deleted_at = $12, cursor_text = $13,
		window_start = $14, window_end = $15, announced = $16, generation = $17, full_wanted = $18, roll_at = $19, sync_at = $20,
		sync_queued_at = $21, sync_by = $22, sync_until = $23, sync_started_at = $24, sync_failures = $25, channel_id = $26,
		channel_provider_id = $27, channel_expires = $28, watch_at = $29, watch_failures = $30, reach_at = $31, stale_at = $32
		WHERE team_id = $33 AND id = $34`,
		c.Email, strings.ToLower(c.Email), c.Name, c.TimeZone, maybeJSON(c.Metadata), string(c.Status),
		c.StatusMessage, maybeMS(c.SyncedAt), string(c.SyncStatus), c.SyncError, c.UpdatedAt.UnixMilli(), maybeMS(c.DeletedAt), string(s.Cursor),
		msOf(s.Window.Start), msOf(s.Window.End), s.Announced, s.Generation, s.FullWanted, msOf(s.RollAt), maybeMS(s.At),
		maybeMS(s.QueuedAt), s.By, msOf(s.Until), msOf(s.StartedAt), s.Failures, w.ChannelID,
		w.ProviderID, maybeMS(w.Expires), maybeMS(w.RenewAt), w.Failures, msOf(s.Reach), maybeMS(s.StaleAt), c.TeamID, c.ID)
	return err
}

// msOf is a time in milliseconds, 0 for the zero time.
func msOf(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (t calendarTx) CountConnections(ctx context.Context, team string) (n int, err error) {
	err = t.QueryRow(ctx, "SELECT COUNT(*) FROM calendars WHERE team_id = $1 AND deleted_at IS NULL", team).Scan(&n)
	return n, err
}

func (t calendarTx) InsertChannel(ctx context.Context, c calendar.PushChannel) error {
	_, err := t.Exec(ctx, `INSERT INTO calendar_channels (id, team_id, calendar_id, provider_id, secret_hash, live, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, c.ID, c.TeamID, c.CalendarID, c.ProviderID, c.SecretHash, c.Live, c.CreatedAt.UnixMilli())
	return err
}

func (t calendarTx) UpdateChannel(ctx context.Context, c calendar.PushChannel) error {
	_, err := t.Exec(ctx, "UPDATE calendar_channels SET provider_id = $1, live = $2 WHERE team_id = $3 AND id = $4", c.ProviderID, c.Live, c.TeamID, c.ID)
	return err
}

func (t calendarTx) DeleteChannel(ctx context.Context, team, id string) error {
	_, err := t.Exec(ctx, "DELETE FROM calendar_channels WHERE team_id = $1 AND id = $2", team, id)
	return err
}

const channelColumns = "id, team_id, calendar_id, provider_id, secret_hash, live, created_at"

func scanChannel(scan func(...any) error, more ...any) (c calendar.PushChannel, err error) {
	var created int64
	err = scan(append([]any{&c.ID, &c.TeamID, &c.CalendarID, &c.ProviderID, &c.SecretHash, &c.Live, &created}, more...)...)
	c.CreatedAt = timeOf(created)
	return c, err
}

func (t calendarTx) Channels(ctx context.Context, team, id string) ([]calendar.PushChannel, error) {
	return rowsOf(ctx, t, "SELECT "+channelColumns+" FROM calendar_channels WHERE team_id = $1 AND calendar_id = $2 ORDER BY id", []any{team, id},
		func(rows *sql.Rows) (calendar.PushChannel, error) { return scanChannel(rows.Scan) })
}

// dropOrder lists the tables of a calendar, those that point at others first.
var dropOrder = []string{
	"DELETE FROM calendar_lookups WHERE calendar_id = $1 AND month_at IN (SELECT month_at FROM calendar_lookups WHERE calendar_id = $1 LIMIT $2)",
	"DELETE FROM calendar_channels WHERE id IN (SELECT id FROM calendar_channels WHERE calendar_id = $1 LIMIT $2)",
	"DELETE FROM calendar_changes WHERE calendar_id = $1 AND event_id IN (SELECT event_id FROM calendar_changes WHERE calendar_id = $1 LIMIT $2)",
	"DELETE FROM event_decisions WHERE event_id IN (SELECT event_id FROM calendar_bots WHERE calendar_id = $1 ORDER BY event_id LIMIT $2)",
	"DELETE FROM calendar_bots WHERE event_id IN (SELECT event_id FROM calendar_bots WHERE calendar_id = $1 ORDER BY event_id LIMIT $2)",
	"DELETE FROM bot_rules WHERE id IN (SELECT id FROM bot_rules WHERE calendar_id = $1 LIMIT $2)",
	"DELETE FROM event_details WHERE event_id IN (SELECT id FROM events WHERE calendar_id = $1 ORDER BY id LIMIT $2)",
	"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE calendar_id = $1 ORDER BY id LIMIT $2)",
	"DELETE FROM event_series WHERE id IN (SELECT id FROM event_series WHERE calendar_id = $1 AND NOT EXISTS (SELECT 1 FROM events WHERE series_id = event_series.id) LIMIT $2)",
}

func (t calendarTx) DropRows(ctx context.Context, c calendar.Connection, limit int) (more bool, err error) {
	for _, query := range dropOrder {
		n, err := execN(ctx, t.Tx, query, c.ID, limit)
		if err != nil {
			return false, err
		}
		more = more || n > 0
	}
	if more {
		return true, nil
	}
	if _, err := t.Exec(ctx, "DELETE FROM calendar_grants WHERE team_id = $1 AND calendar_id = $2", c.TeamID, c.ID); err != nil {
		return false, err
	}
	_, err = t.Exec(ctx, "DELETE FROM calendars WHERE team_id = $1 AND id = $2", c.TeamID, c.ID)
	return false, err
}

// Channel finds a push channel, and when its calendar's next sync is due.
func (s Calendars) Channel(ctx context.Context, id string) (c calendar.PushChannel, at *time.Time, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		var next sql.NullInt64
		c, err = scanChannel(q.QueryRow(ctx, `SELECT `+channelColumns+`,
			(SELECT sync_at FROM calendars WHERE calendars.id = calendar_id) FROM calendar_channels WHERE id = $1`, id).Scan, &next)
		at = maybeTime(next)
		if errors.Is(err, sql.ErrNoRows) {
			return fail.New(fail.NotFound, calendar.CodeNotFound, "there is no such channel")
		}
		return err
	})
	return c, at, err
}

// lateAfterMS is how long a queued job may be on its way before it counts as lost.
const lateAfterMS = int64(5 * time.Minute / time.Millisecond)

// DueSyncs returns the calendars that are to be synced and that nobody syncs,
// and those whose sync has died.
func (s Calendars) DueSyncs(ctx context.Context, now time.Time, limit int) ([]string, error) {
	ms := now.UnixMilli()
	return list(ctx, s.DB, `SELECT id FROM calendars WHERE deleted_at IS NULL AND sync_at IS NOT NULL AND sync_at <= $1 AND sync_by = ''
		AND (sync_queued_at IS NULL OR sync_queued_at < $2)
		UNION SELECT id FROM calendars WHERE deleted_at IS NULL AND sync_by <> '' AND sync_until <= $1
		AND (sync_queued_at IS NULL OR sync_queued_at < $2) LIMIT $3`, []any{ms, ms - lateAfterMS, limit}, scanText)
}

func scanText(rows *sql.Rows) (text string, err error) {
	err = rows.Scan(&text)
	return text, err
}

// StraySyncs returns calendars with a sync in the future. It reads all of them.
func (s Calendars) StraySyncs(ctx context.Context, after time.Time, limit int) ([]string, error) {
	return list(ctx, s.DB, `SELECT id FROM calendars WHERE deleted_at IS NULL AND sync_at IS NOT NULL
		AND (sync_started_at > $1 OR sync_queued_at > $1) ORDER BY id LIMIT $2`, []any{after.UnixMilli(), limit}, scanText)
}

// DueWatches returns the calendars whose channel is to be renewed.
func (s Calendars) DueWatches(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return list(ctx, s.DB, "SELECT id FROM calendars WHERE deleted_at IS NULL AND watch_at IS NOT NULL AND watch_at <= $1 ORDER BY watch_at LIMIT $2",
		[]any{now.UnixMilli(), limit}, scanText)
}

// DueBots returns the events whose bots are to be launched.
func (s Calendars) DueBots(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return list(ctx, s.DB, `SELECT event_id FROM calendar_bots WHERE state = 'scheduled' AND join_at <= $1
		AND EXISTS (SELECT 1 FROM calendars c WHERE c.id = calendar_id AND c.deleted_at IS NULL) ORDER BY join_at, event_id LIMIT $2`,
		[]any{now.UnixMilli(), limit}, scanText)
}

// NextDue returns when the first of these is due.
func (s Calendars) NextDue(ctx context.Context, lead time.Duration) (at time.Time, ok bool, err error) {
	var ms sql.NullInt64
	err = s.DB.Read(ctx, func(q Querier) error {
		return q.QueryRow(ctx, `SELECT MIN(due) FROM (
			SELECT MIN(sync_at) AS due FROM calendars WHERE deleted_at IS NULL AND sync_at IS NOT NULL AND sync_by = '' AND sync_queued_at IS NULL
			UNION ALL SELECT MIN(sync_until) FROM calendars WHERE deleted_at IS NULL AND sync_by <> '' AND sync_queued_at IS NULL
			UNION ALL SELECT MIN(watch_at) FROM calendars WHERE deleted_at IS NULL AND watch_at IS NOT NULL
			UNION ALL SELECT MIN(join_at) - $1 FROM calendar_bots WHERE state = 'scheduled'
				AND EXISTS (SELECT 1 FROM calendars c WHERE c.id = calendar_id AND c.deleted_at IS NULL)) d`, lead.Milliseconds()).Scan(&ms)
	})
	return timeOf(ms.Int64), ms.Valid, err
}

// newOwner names whoever holds a lock for a moment.
func newOwner() string { return ident.New() }
