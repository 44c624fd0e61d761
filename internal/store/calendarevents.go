package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
	"steno/internal/page"
)

const seriesColumns = `id, team_id, calendar_id, provider_id, recurring, uid, lineage, fields, hash, bot_scheduled, generation, created_at, updated_at, deleted_at`

func scanSeries(scan func(...any) error) (s calendar.Series, err error) {
	var fields []byte
	var created, updated int64
	var deleted sql.NullInt64
	err = scan(&s.ID, &s.TeamID, &s.CalendarID, &s.ProviderID, &s.Recurring, &s.UID, &s.Lineage, &fields, &s.Hash, &s.BotScheduled, &s.Generation,
		&created, &updated, &deleted)
	s.CreatedAt, s.UpdatedAt, s.DeletedAt = timeOf(created), timeOf(updated), maybeTime(deleted)
	if err != nil || fields == nil {
		return s, err
	}
	plain, err := inflate(fields)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(plain, &s.Fields)
}

func packFields(s calendar.Series) ([]byte, error) {
	if !s.Recurring {
		return nil, nil
	}
	plain, err := json.Marshal(s.Fields)
	if err != nil {
		return nil, err
	}
	return deflate(plain)
}

func (t calendarTx) series(ctx context.Context, column, team, id string, ids []string) ([]calendar.Series, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := texts([]any{team, id}, ids)
	return rowsOf(ctx, t, "SELECT "+seriesColumns+" FROM event_series WHERE team_id = $1 AND calendar_id = $2 AND "+column+
		" IN ("+placeholders(3, len(ids))+")", args, func(rows *sql.Rows) (calendar.Series, error) { return scanSeries(rows.Scan) })
}

// texts appends texts to arguments.
func texts(args []any, more []string) []any {
	for _, m := range more {
		args = append(args, m)
	}
	return args
}

func (t calendarTx) SeriesByProvider(ctx context.Context, team, id string, ids []string) (map[string]calendar.Series, error) {
	found, err := t.series(ctx, "provider_id", team, id, ids)
	out := make(map[string]calendar.Series, len(found))
	for _, s := range found {
		out[s.ProviderID] = s
	}
	return out, err
}

func (t calendarTx) SeriesByID(ctx context.Context, team, id string, ids []string) (map[string]calendar.Series, error) {
	found, err := t.series(ctx, "id", team, id, ids)
	out := make(map[string]calendar.Series, len(found))
	for _, s := range found {
		out[s.ID] = s
	}
	return out, err
}

func (t calendarTx) SeriesFrom(ctx context.Context, team, id string, from *page.Position, limit int) ([]calendar.Series, error) {
	w := where{sqlite: t.s.DB.sqlite}
	w.add("team_id = ?", team)
	w.add("calendar_id = ?", id)
	query := w.page("SELECT id, recurring, bot_scheduled, created_at FROM event_series", "created_at", false, page.Span{From: from, Limit: limit})
	return rowsOf(ctx, t, query, w.args, func(rows *sql.Rows) (s calendar.Series, err error) {
		var created int64
		err = rows.Scan(&s.ID, &s.Recurring, &s.BotScheduled, &created)
		s.CreatedAt = timeOf(created)
		return s, err
	})
}

func (t calendarTx) ScheduledSeries(ctx context.Context, team string, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	found, err := rowsOf(ctx, t, "SELECT id FROM event_series WHERE team_id = $1 AND bot_scheduled AND id IN ("+placeholders(2, len(ids))+")",
		texts([]any{team}, ids), scanText)
	for _, id := range found {
		out[id] = true
	}
	return out, err
}

func (t calendarTx) InsertSeries(ctx context.Context, all []calendar.Series) error {
	rows := make([][]any, 0, len(all))
	for _, s := range all {
		fields, err := packFields(s)
		if err != nil {
			return err
		}
		rows = append(rows, []any{s.ID, s.TeamID, s.CalendarID, s.ProviderID, s.Recurring, s.UID, s.Lineage, maybeBytes(fields), s.Hash, s.BotScheduled,
			s.Generation, s.CreatedAt.UnixMilli(), s.UpdatedAt.UnixMilli(), maybeMS(s.DeletedAt)})
	}
	return t.insertRows(ctx, "event_series", seriesColumns, rows)
}

// maybeBytes keeps a nil slice from becoming an empty value.
func maybeBytes(b []byte) any {
	if b == nil {
		return nil
	}
	return b
}

func (t calendarTx) UpdateSeries(ctx context.Context, s calendar.Series) error {
	fields, err := packFields(s)
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, `UPDATE event_series SET recurring = $1, uid = $2, lineage = $3, fields = $4, hash = $5, bot_scheduled = $6, generation = $7,
		updated_at = $8, deleted_at = $9 WHERE team_id = $10 AND id = $11`,
		s.Recurring, s.UID, s.Lineage, maybeBytes(fields), s.Hash, s.BotScheduled, s.Generation, s.UpdatedAt.UnixMilli(), maybeMS(s.DeletedAt), s.TeamID, s.ID)
	return err
}

func (t calendarTx) SeriesSeen(ctx context.Context, team string, ids []string, generation int64) error {
	return t.seenIn(ctx, "event_series", team, ids, generation)
}

func (t calendarTx) EventsSeen(ctx context.Context, team string, ids []string, generation int64) error {
	return t.seenIn(ctx, "events", team, ids, generation)
}

func (t calendarTx) seenIn(ctx context.Context, table, team string, ids []string, generation int64) error {
	_, err := t.Exec(ctx, "UPDATE "+table+" SET generation = $1 WHERE team_id = $2 AND id IN ("+placeholders(3, len(ids))+")",
		texts([]any{generation, team}, ids)...)
	return err
}

func (t calendarTx) HasRecurring(ctx context.Context, team, id string) (has bool, err error) {
	err = t.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM event_series WHERE team_id = $1 AND calendar_id = $2 AND recurring AND deleted_at IS NULL)`,
		team, id).Scan(&has)
	return has, err
}

func (t calendarTx) Kin(ctx context.Context, s calendar.Series) ([]calendar.Series, error) {
	return rowsOf(ctx, t, "SELECT "+seriesColumns+` FROM event_series WHERE team_id = $1 AND calendar_id = $2 AND id <> $3 AND recurring AND bot_scheduled
		AND ((uid <> '' AND uid = $4) OR (lineage <> '' AND lineage = $5)) ORDER BY created_at DESC, id DESC LIMIT 20`,
		[]any{s.TeamID, s.CalendarID, s.ID, s.UID, s.Lineage}, func(rows *sql.Rows) (calendar.Series, error) { return scanSeries(rows.Scan) })
}

func (t calendarTx) Newcomers(ctx context.Context, c calendar.Connection) ([]calendar.Series, error) {
	if c.SyncedAt == nil {
		return nil, nil
	}
	return rowsOf(ctx, t, "SELECT "+seriesColumns+` FROM event_series WHERE team_id = $1 AND calendar_id = $2 AND created_at > $3 AND recurring
		AND NOT bot_scheduled ORDER BY created_at, id`,
		[]any{c.TeamID, c.ID, c.SyncedAt.UnixMilli()}, func(rows *sql.Rows) (calendar.Series, error) { return scanSeries(rows.Scan) })
}

// SeriesList returns series that have events, oldest first.
func (s Calendars) SeriesList(ctx context.Context, team, id string, q calendar.SeriesQuery) ([]calendar.Series, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	w.add("calendar_id = ?", id)
	if len(q.Types) == 1 {
		w.add("recurring = ?", q.Types[0] == "recurring")
	}
	w.add("EXISTS (SELECT 1 FROM events e WHERE e.series_id = event_series.id)")
	query := w.page("SELECT "+seriesColumns+" FROM event_series", "created_at", false, q.Span)
	return list(ctx, s.DB, query, w.args, func(rows *sql.Rows) (calendar.Series, error) { return scanSeries(rows.Scan) })
}

const eventColumns = `id, team_id, calendar_id, series_id, recurring, provider_id, slot_at, title, start_at, end_at, all_day, zone, status, declined,
	not_meeting, exception, meeting_url, meeting_platform, meeting_key, seq, hash, raw_hash, generation, bot_scheduled, created_at, updated_at, deleted_at`

func scanEvent(scan func(...any) error, more ...any) (e calendar.Event, err error) {
	var slot, deleted sql.NullInt64
	var start, end, created, updated int64
	err = scan(append([]any{&e.ID, &e.TeamID, &e.CalendarID, &e.SeriesID, &e.Recurring, &e.ProviderID, &slot, &e.Title, &start, &end, &e.When.AllDay, &e.When.Zone,
		&e.Status, &e.Declined, &e.NotMeeting, &e.Exception, &e.Link.URL, &e.Link.Platform, &e.Link.Key, &e.Seq, &e.Hash, &e.RawHash, &e.Generation,
		&e.BotScheduled, &created, &updated, &deleted}, more...)...)
	if slot.Valid {
		e.Slot = timeOf(slot.Int64)
	}
	e.When.Start, e.When.End, e.CreatedAt, e.UpdatedAt, e.DeletedAt = timeOf(start), timeOf(end), timeOf(created), timeOf(updated), maybeTime(deleted)
	return e, err
}

func eventRow(rows *sql.Rows) (calendar.Event, error) { return scanEvent(rows.Scan) }

// maybeSlot stores an unknown slot as NULL.
func maybeSlot(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func (t calendarTx) EventsByProvider(ctx context.Context, team, id string, ids []string) (map[string]calendar.Event, error) {
	out := map[string]calendar.Event{}
	if len(ids) == 0 {
		return out, nil
	}
	found, err := rowsOf(ctx, t, "SELECT "+eventColumns+" FROM events WHERE team_id = $1 AND calendar_id = $2 AND provider_id IN ("+placeholders(3, len(ids))+")",
		texts([]any{team, id}, ids), eventRow)
	for _, e := range found {
		out[e.ProviderID] = e
	}
	return out, err
}

func (t calendarTx) EventsByID(ctx context.Context, team, id string, ids []string) ([]calendar.Event, error) {
	return rowsOf(ctx, t, "SELECT "+eventColumns+" FROM events WHERE team_id = $1 AND calendar_id = $2 AND id IN ("+placeholders(3, len(ids))+")",
		texts([]any{team, id}, ids), eventRow)
}

func (t calendarTx) EventsIn(ctx context.Context, team, series string) ([]calendar.Event, error) {
	return rowsOf(ctx, t, "SELECT "+eventColumns+" FROM events WHERE team_id = $1 AND series_id = $2 ORDER BY start_at, id", []any{team, series}, eventRow)
}

func (t calendarTx) InsertEvents(ctx context.Context, events []calendar.Event, details []calendar.Details) error {
	rows, parts := make([][]any, 0, len(events)), make([][]any, 0, len(events))
	for i, e := range events {
		rows = append(rows, []any{e.ID, e.TeamID, e.CalendarID, e.SeriesID, e.Recurring, e.ProviderID, maybeSlot(e.Slot), e.Title, e.When.Start.UnixMilli(),
			e.When.End.UnixMilli(), e.When.AllDay, e.When.Zone, string(e.Status), e.Declined, e.NotMeeting, e.Exception, e.Link.URL, e.Link.Platform, e.Link.Key,
			e.Seq, e.Hash, e.RawHash, e.Generation, e.BotScheduled, e.CreatedAt.UnixMilli(), e.UpdatedAt.UnixMilli(), maybeMS(e.DeletedAt)})
		packed, err := packDetails(details[i])
		if err != nil {
			return err
		}
		from, to := addresses(details[i])
		parts = append(parts, []any{e.ID, e.TeamID, packed, from, to})
	}
	if err := t.insertRows(ctx, "events", eventColumns, rows); err != nil {
		return err
	}
	return t.insertRows(ctx, "event_details", "event_id, team_id, details, organizer, attendees", parts)
}

func (t calendarTx) UpdateEvent(ctx context.Context, e calendar.Event, d *calendar.Details) error {
	_, err := t.Exec(ctx, `UPDATE events SET series_id = $1, recurring = $2, provider_id = $3, slot_at = $4, title = $5, start_at = $6, end_at = $7,
		all_day = $8, zone = $9, status = $10, declined = $11, not_meeting = $12, exception = $13, meeting_url = $14, meeting_platform = $15,
		meeting_key = $16, seq = $17, hash = $18, raw_hash = $19, generation = $20, bot_scheduled = $21, updated_at = $22, deleted_at = $23
		WHERE team_id = $24 AND id = $25`,
		e.SeriesID, e.Recurring, e.ProviderID, maybeSlot(e.Slot), e.Title, e.When.Start.UnixMilli(), e.When.End.UnixMilli(),
		e.When.AllDay, e.When.Zone, string(e.Status), e.Declined, e.NotMeeting, e.Exception, e.Link.URL, e.Link.Platform,
		e.Link.Key, e.Seq, e.Hash, e.RawHash, e.Generation, e.BotScheduled, e.UpdatedAt.UnixMilli(), maybeMS(e.DeletedAt), e.TeamID, e.ID)
	if err != nil || d == nil {
		return err
	}
	packed, err := packDetails(*d)
	if err != nil {
		return err
	}
	from, to := addresses(*d)
	_, err = t.Exec(ctx, "UPDATE event_details SET details = $1, raw = NULL, organizer = $2, attendees = $3 WHERE team_id = $4 AND event_id = $5",
		packed, from, to, e.TeamID, e.ID)
	return err
}

func (t calendarTx) Unseen(ctx context.Context, c calendar.Connection, w calendar.Window, series string, limit int) ([]calendar.Event, error) {
	of, id := "calendar_id", c.ID // each has an index
	if series != "" {
		of, id = "series_id", series
	}
	return rowsOf(ctx, t, "SELECT "+eventColumns+` FROM events WHERE team_id = $1 AND `+of+` = $2 AND start_at < $3 AND end_at > $4
		AND (NOT all_day OR (start_at < $7 AND end_at > $8))
		AND deleted_at IS NULL AND generation <> $5 ORDER BY start_at, id LIMIT $6`,
		[]any{c.TeamID, id, w.End.UnixMilli(), w.Start.UnixMilli(), c.Sync.Generation, limit,
			w.End.Add(-calendar.Late).UnixMilli(), w.Start.Add(calendar.Early).UnixMilli()}, eventRow)
}

func (t calendarTx) Upcoming(ctx context.Context, c calendar.Connection, w calendar.Window, series []string) ([]calendar.Event, error) {
	if len(series) == 0 {
		return nil, nil
	}
	return rowsOf(ctx, t, "SELECT "+eventColumns+` FROM events WHERE team_id = $1 AND start_at < $2 AND end_at > $3
		AND deleted_at IS NULL AND status <> 'cancelled' AND series_id IN (`+placeholders(4, len(series))+`) ORDER BY start_at, id`,
		texts([]any{c.TeamID, w.End.UnixMilli(), w.Start.UnixMilli()}, series), eventRow)
}

// Events returns events in the order of their start.
func (s Calendars) Events(ctx context.Context, team, id string, q calendar.EventQuery) ([]calendar.Event, error) {
	w := where{sqlite: s.DB.sqlite}
	w.add("team_id = ?", team)
	w.add("calendar_id = ?", id)
	if !q.StartFrom.IsZero() {
		w.add("start_at >= ?", q.StartFrom.UnixMilli())
	}
	if !q.StartBefore.IsZero() {
		w.add("start_at < ?", q.StartBefore.UnixMilli())
	}
	if !q.EndUntil.IsZero() {
		w.add("end_at <= ?", q.EndUntil.UnixMilli())
	}
	if !q.StartUntil.IsZero() {
		w.add("start_at <= ?", q.StartUntil.UnixMilli())
	}
	if !q.UpdatedFrom.IsZero() {
		w.add("updated_at >= ?", q.UpdatedFrom.UnixMilli())
	}
	switch q.Phase {
	case calendar.Upcoming:
		w.add("end_at > ?", q.Now.UnixMilli())
	case calendar.Past:
		w.add("end_at <= ?", q.Now.UnixMilli())
	}
	if q.Organizer != "" {
		w.add("EXISTS (SELECT 1 FROM event_details d WHERE d.event_id = events.id AND d.organizer = ?)", address(q.Organizer))
	}
	if q.Attendee != "" {
		w.add(`EXISTS (SELECT 1 FROM event_details d WHERE d.event_id = events.id AND d.attendees LIKE ? ESCAPE '\')`, pattern("\n"+address(q.Attendee)+"\n"))
	}
	in(&w, "status", q.Statuses)
	if !q.Cancelled {
		w.add("status <> 'cancelled'")
	}
	query := w.page("SELECT "+eventColumns+" FROM events", "start_at", false, q.Span)
	return list(ctx, s.DB, query, w.args, eventRow)
}

// EventsOfSeries returns the events of several series by start.
func (s Calendars) EventsOfSeries(ctx context.Context, team string, series []string, cancelled bool) ([]calendar.Event, error) {
	if len(series) == 0 {
		return nil, nil
	}
	return list(ctx, s.DB, "SELECT "+eventColumns+" FROM events WHERE team_id = $1 AND (status <> 'cancelled' OR $2) AND series_id IN ("+
		placeholders(3, len(series))+") ORDER BY start_at, id", texts([]any{team, cancelled}, series), eventRow)
}

// Event returns an event with its details.
func (s Calendars) Event(ctx context.Context, team, calendarID, id string) (e calendar.FullEvent, err error) {
	var packed, raw []byte
	err = s.DB.Read(ctx, func(q Querier) error {
		e.Event, err = scanEvent(q.QueryRow(ctx, "SELECT "+eventColumns+`,
			(SELECT details FROM event_details d WHERE d.event_id = events.id), (SELECT raw FROM event_details d WHERE d.event_id = events.id),
			(SELECT platform FROM calendars c WHERE c.id = calendar_id AND c.deleted_at IS NULL),
			(SELECT s.bot_scheduled FROM event_series s WHERE s.id = series_id)
			FROM events WHERE team_id = $1 AND calendar_id = $2 AND id = $3
			AND EXISTS (SELECT 1 FROM calendars c WHERE c.id = calendar_id AND c.deleted_at IS NULL)`, team, calendarID, id).Scan,
			&packed, &raw, &e.Platform, &e.SeriesScheduled)
		if errors.Is(err, sql.ErrNoRows) {
			return fail.New(fail.NotFound, calendar.CodeEventNotFound, "Event with ID '%s' not found", id)
		}
		return err
	})
	if err != nil {
		return e, err
	}
	e.Details, err = unpackDetails(packed, raw)
	return e, err
}
