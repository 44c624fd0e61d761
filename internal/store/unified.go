package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/unified"
	"steno/internal/fail"
)

// Unified is the database as the unified calendar sees it. It implements
// unified.Store.
type Unified struct{ DB *DB }

// TeamConnections returns a team's connections, oldest first.
func (s Unified) TeamConnections(ctx context.Context, team string) ([]calendar.Connection, error) {
	return list(ctx, s.DB, "SELECT "+connectionColumns+" FROM calendars WHERE team_id = $1 AND deleted_at IS NULL ORDER BY created_at, id", []any{team},
		func(rows *sql.Rows) (calendar.Connection, error) { return scanConnection(rows.Scan) })
}

// live are the terms of the indexes events_agenda and events_long.
const live = "deleted_at IS NULL AND status <> 'cancelled'"

// mostLong is how many long events may be under way in a calendar at a time.
const mostLong = "250"

// spanColumns are what earliestOf has to know of a span.
var spanColumns = []string{"calendar", "from_time", "before_time", "to_time", "from_date", "before_date", "to_date"}

// Longer events are in events_long.
const shortTimed, shortAllDay = 4 * time.Hour, 24 * time.Hour

func spanValues(p unified.Span) []any {
	w, d := p.Window, p.Dates
	return []any{p.CalendarID, w.Start.UnixMilli(), w.Start.Add(-shortTimed).UnixMilli(), w.End.UnixMilli(),
		d.Start.UnixMilli(), d.Start.Add(-shortAllDay).UnixMilli(), d.End.UnixMilli()}
}

// earliestOf selects from indexes alone: the first timed events and the first
// all-day events that begin in a span or a little before, and what is longer than
// that and began earlier. of says how a column of the span is written.
func earliestOf(of func(column string) string, limit string) string {
	var arms []string
	for _, kind := range []struct{ allDay, suffix string }{{"FALSE", "_time"}, {"TRUE", "_date"}} {
		from, before, to := of("from"+kind.suffix), of("before"+kind.suffix), of("to"+kind.suffix)
		arms = append(arms, `SELECT * FROM (SELECT id, calendar_id, start_at, all_day FROM events WHERE calendar_id = `+of("calendar")+` AND all_day = `+kind.allDay+
			` AND start_at >= `+before+` AND start_at < `+to+` AND end_at > `+from+` AND `+live+` ORDER BY start_at, id LIMIT `+limit+`) p`+kind.suffix,
			// Written so that no other index can serve it. There are few of these; the
			// bound keeps PostgreSQL from compiling a query that takes no time.
			`SELECT * FROM (SELECT id, calendar_id, start_at, all_day FROM events WHERE calendar_id = `+of("calendar")+
				` AND CASE WHEN all_day THEN TRUE ELSE FALSE END = `+kind.allDay+` AND end_at > `+from+` AND start_at + 0 < `+before+
				` AND end_at - start_at > CASE WHEN all_day THEN 86400000 ELSE 14400000 END AND `+live+` ORDER BY end_at LIMIT `+mostLong+`) l`+kind.suffix)
	}
	return strings.Join(arms, " UNION ALL ")
}

// The statements are the same for any number of spans, so that they are parsed,
// and on PostgreSQL planned, once: SQLite is asked for each span, which costs it
// nothing; PostgreSQL, where each question is a round trip, for all at once.
var (
	earliestInSpan = earliestOf(func(column string) string { return "$" + strconv.Itoa(1+slices.Index(spanColumns, column)) }, "$8")
	earliestInAll  = `SELECT e.* FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) s (` +
		strings.Join(spanColumns, ", ") + `) CROSS JOIN LATERAL (` + earliestOf(func(column string) string { return "s." + column }, "$8") + `) e`
)

// Earliest returns the first events of each span. The spans are those of
// connections of the team: others show nothing.
func (s Unified) Earliest(ctx context.Context, team string, spans []unified.Span, limit int) (out []unified.Pick, err error) {
	if len(spans) == 0 {
		return nil, nil
	}
	err = s.DB.Read(ctx, func(q Querier) error {
		out = nil
		own, err := rowsOf(ctx, q, "SELECT id FROM calendars WHERE team_id = $1 AND deleted_at IS NULL", []any{team}, func(rows *sql.Rows) (id string, err error) { return id, rows.Scan(&id) })
		if err != nil {
			return err
		}
		var asked [][]any
		for _, p := range spans {
			if slices.Contains(own, p.CalendarID) {
				asked = append(asked, spanValues(p))
			}
		}
		if !s.DB.sqlite {
			out, err = rowsOf(ctx, q, earliestInAll, append(columnsOf(asked), limit), scanPick)
			return err
		}
		for _, span := range asked {
			some, err := rowsOf(ctx, q, earliestInSpan, append(span, limit), scanPick)
			if err != nil {
				return err
			}
			out = append(out, some...)
		}
		return nil
	})
	return out, err
}

// columnsOf turns rows of spanValues into an array for each column.
func columnsOf(spans [][]any) []any {
	calendars, times := make([]string, len(spans)), make([][]int64, len(spanColumns)-1)
	for n, span := range spans {
		calendars[n] = span[0].(string)
		for i := range times {
			times[i] = append(times[i], span[i+1].(int64))
		}
	}
	out := []any{calendars}
	for _, t := range times {
		out = append(out, t)
	}
	return out
}

func scanPick(rows *sql.Rows) (p unified.Pick, err error) {
	var start int64
	err = rows.Scan(&p.ID, &p.CalendarID, &start, &p.AllDay)
	p.Start = timeOf(start)
	return p, err
}

const storedColumns = eventColumns + `, (SELECT details FROM event_details d WHERE d.event_id = events.id),
	CASE WHEN recurring THEN (SELECT s.provider_id FROM event_series s WHERE s.id = series_id) ELSE '' END`

func scanStored(rows *sql.Rows) (x unified.Stored, err error) {
	var packed []byte
	if x.Event, err = scanEvent(rows.Scan, &packed, &x.SeriesProviderID); err != nil {
		return x, err
	}
	x.Details, err = unpackShown(packed)
	return x, err
}

// Stored returns events with their details.
func (s Unified) Stored(ctx context.Context, team string, ids []string) ([]unified.Stored, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return list(ctx, s.DB, "SELECT "+storedColumns+" FROM events WHERE team_id = $1 AND id IN ("+placeholders(2, len(ids))+")", texts([]any{team}, ids), scanStored)
}

// StoredByProvider returns the events of these calendars with that id of the
// service.
func (s Unified) StoredByProvider(ctx context.Context, team string, calendars []string, id string) ([]unified.Stored, error) {
	if len(calendars) == 0 || strings.ContainsRune(id, 0) {
		return nil, nil
	}
	return list(ctx, s.DB, "SELECT "+storedColumns+" FROM events WHERE team_id = $1 AND provider_id = $2 AND calendar_id IN ("+placeholders(3, len(calendars))+")",
		texts([]any{team, strings.ToValidUTF8(id, "")}, calendars), scanStored)
}

// Lookups returns what is kept of months of a calendar since the given time.
func (s Unified) Lookups(ctx context.Context, team, id string, months []time.Time, since time.Time) (map[time.Time][]unified.Event, error) {
	args := []any{team, id, since.UnixMilli()}
	for _, m := range months {
		args = append(args, m.UnixMilli())
	}
	type row struct {
		at     time.Time
		events []unified.Event
	}
	rows, err := list(ctx, s.DB, `SELECT month_at, events FROM calendar_lookups WHERE team_id = $1 AND calendar_id = $2 AND fetched_at > $3
		AND month_at IN (`+placeholders(4, len(months))+")", args, func(rows *sql.Rows) (r row, err error) {
		var at int64
		var packed []byte
		if err := rows.Scan(&at, &packed); err != nil {
			return r, err
		}
		r.at = timeOf(at)
		plain, err := inflate(packed)
		if err != nil {
			return r, err
		}
		return r, json.Unmarshal(plain, &r.events)
	})
	out := map[time.Time][]unified.Event{}
	for _, r := range rows {
		out[r.at] = r.events
	}
	return out, err
}

// Edits is how often something was written into a calendar.
func (s Unified) Edits(ctx context.Context, team, id string) (n int64, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		return noCalendar(q.QueryRow(ctx, "SELECT edits FROM calendars WHERE team_id = $1 AND id = $2", team, id).Scan(&n), id)
	})
	return n, err
}

// KeepLookup keeps the events of a month, unless something was written since.
func (s Unified) KeepLookup(ctx context.Context, team, id string, month time.Time, edits int64, events []unified.Event, at time.Time) error {
	plain, err := json.Marshal(events)
	if err != nil {
		return err
	}
	packed, err := deflate(plain)
	if err != nil {
		return err
	}
	return s.DB.InTx(ctx, func(tx *Tx) error {
		n, err := execN(ctx, tx, "UPDATE calendars SET edits = edits WHERE team_id = $1 AND id = $2 AND edits = $3 AND deleted_at IS NULL", team, id, edits)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO calendar_lookups (calendar_id, month_at, team_id, events, fetched_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (calendar_id, month_at) DO UPDATE SET events = excluded.events, fetched_at = excluded.fetched_at`,
			id, month.UnixMilli(), team, packed, at.UnixMilli())
		return err
	})
}

// Forget drops all lookups of a calendar.
func (s Unified) Forget(ctx context.Context, team, id string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE calendars SET edits = edits + 1 WHERE team_id = $1 AND id = $2", team, id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM calendar_lookups WHERE team_id = $1 AND calendar_id = $2", team, id)
		return err
	})
}

// Prefer makes a calendar the one that new events of its service go to.
func (s Unified) Prefer(ctx context.Context, team, id string) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		var platform string
		err := tx.QueryRow(ctx, "SELECT platform FROM calendars WHERE team_id = $1 AND id = $2 AND deleted_at IS NULL", team, id).Scan(&platform)
		if errors.Is(err, sql.ErrNoRows) {
			return fail.New(fail.NotFound, unified.CodeNoCalendar, "calendarId: no calendar with this id is connected; GET /v2/calendars lists them")
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE calendars SET preferred = (id = $1) WHERE team_id = $2 AND platform = $3", id, team, platform)
		return err
	})
}

const keyColumns = "team_id, key, body_hash, request_id, answer, created_at, busy_until"

// Claim takes a key for a request, unless it has an answer or is taken.
func (s Unified) Claim(ctx context.Context, k unified.Key, now, until time.Time) (found unified.Key, taken bool, err error) {
	err = s.DB.InTx(ctx, func(tx *Tx) error {
		taken = false
		if _, err := tx.Exec(ctx, "DELETE FROM request_keys WHERE team_id = $1 AND key = $2 AND created_at <= $3", k.TeamID, k.Key, now.Add(-unified.KeyFor).UnixMilli()); err != nil {
			return err
		}
		// The insert that does nothing waits for whoever inserts the same.
		if _, err := tx.Exec(ctx, "INSERT INTO request_keys ("+keyColumns+") VALUES ($1, $2, $3, $4, NULL, $5, 0) ON CONFLICT (team_id, key) DO NOTHING",
			k.TeamID, k.Key, k.BodyHash, k.RequestID, now.UnixMilli()); err != nil {
			return err
		}
		n, err := execN(ctx, tx, "UPDATE request_keys SET busy_until = $1 WHERE team_id = $2 AND key = $3 AND answer IS NULL AND busy_until <= $4 AND body_hash = $5",
			until.UnixMilli(), k.TeamID, k.Key, now.UnixMilli(), k.BodyHash)
		if err != nil {
			return err
		}
		taken = n == 1
		var created, busy int64
		err = tx.QueryRow(ctx, "SELECT "+keyColumns+" FROM request_keys WHERE team_id = $1 AND key = $2", k.TeamID, k.Key).
			Scan(&found.TeamID, &found.Key, &found.BodyHash, &found.RequestID, &found.Answer, &created, &busy)
		found.CreatedAt, found.BusyUntil = timeOf(created), timeOf(busy)
		return err
	})
	return found, taken, err
}

// Answer stores what a request came to.
func (s Unified) Answer(ctx context.Context, team, key string, answer []byte) error {
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "UPDATE request_keys SET answer = $1, busy_until = 0 WHERE team_id = $2 AND key = $3", answer, team, key)
		return err
	})
}

// Unclaim gives a key back.
func (s Unified) Unclaim(ctx context.Context, team, key string, forget bool) error {
	query := "UPDATE request_keys SET busy_until = 0 WHERE team_id = $1 AND key = $2"
	if forget {
		query = "DELETE FROM request_keys WHERE team_id = $1 AND key = $2 AND answer IS NULL"
	}
	return s.DB.InTx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, query, team, key)
		return err
	})
}
