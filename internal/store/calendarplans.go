package store

import (
	"context"
	"database/sql"
	"errors"

	"steno/internal/calendar"
	"steno/internal/fail"
)

// EventOf finds an event in any calendar of a team.
func (s Calendars) EventOf(ctx context.Context, team, id string) (e calendar.Event, err error) {
	err = s.DB.Read(ctx, func(q Querier) error {
		e, err = scanEvent(q.QueryRow(ctx, "SELECT "+eventColumns+` FROM events WHERE id = $1 AND team_id = $2
			AND EXISTS (SELECT 1 FROM calendars c WHERE c.id = calendar_id AND c.deleted_at IS NULL)`, id, team).Scan)
		if errors.Is(err, sql.ErrNoRows) {
			return fail.New(fail.NotFound, calendar.CodeEventNotFound, "Event with ID '%s' not found", id)
		}
		return err
	})
	return e, err
}

// plans are what Planned adds to events, by event or series.
type plans struct {
	details map[string]calendar.Details
	series  map[string]string // the services' ids
	wanted  map[string]bool   // events that have a bot or wait for one
	rules   []calendar.Rule
}

// Planned completes events of a team, in their order.
func (s Calendars) Planned(ctx context.Context, team string, events []calendar.Event) (out []calendar.PlannedEvent, err error) {
	for len(events) > 0 {
		n := min(500, len(events))
		var p plans
		err := s.DB.Read(ctx, func(q Querier) (err error) {
			p, err = s.plans(ctx, q, team, events[:n])
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, e := range events[:n] {
			planned := calendar.PlannedEvent{Event: e, Details: p.details[e.ID]}
			if e.Recurring {
				planned.SeriesProviderID = p.series[e.SeriesID]
			}
			if r := calendar.RuleFor(p.rules, e); r != nil && p.wanted[e.ID] {
				planned.Settings = r.Settings
			}
			out = append(out, planned)
		}
		events = events[n:]
	}
	return out, nil
}

func (s Calendars) plans(ctx context.Context, q Querier, team string, events []calendar.Event) (p plans, err error) {
	var ids, series []string
	p = plans{details: map[string]calendar.Details{}, series: map[string]string{}, wanted: map[string]bool{}}
	for _, e := range events {
		ids = append(ids, e.ID)
		if _, known := p.series[e.SeriesID]; !known {
			series, p.series[e.SeriesID] = append(series, e.SeriesID), ""
		}
	}
	_, err = rowsOf(ctx, q, "SELECT event_id, details, raw FROM event_details WHERE team_id = $1 AND event_id IN ("+placeholders(2, len(ids))+")",
		texts([]any{team}, ids), func(rows *sql.Rows) (none struct{}, err error) {
			var id string
			var packed, raw []byte
			if err = rows.Scan(&id, &packed, &raw); err == nil {
				p.details[id], err = unpackDetails(packed, raw)
			}
			return none, err
		})
	if err != nil {
		return p, err
	}
	_, err = rowsOf(ctx, q, "SELECT id, provider_id FROM event_series WHERE team_id = $1 AND id IN ("+placeholders(2, len(series))+")",
		texts([]any{team}, series), func(rows *sql.Rows) (none struct{}, err error) {
			var id, own string
			err = rows.Scan(&id, &own)
			p.series[id] = own
			return none, err
		})
	if err != nil {
		return p, err
	}
	wanted, err := rowsOf(ctx, q, "SELECT event_id FROM calendar_bots WHERE team_id = $1 AND state IN ('waiting', 'scheduled', 'completed') AND event_id IN ("+
		placeholders(2, len(ids))+")", texts([]any{team}, ids), scanText)
	if err != nil || len(wanted) == 0 {
		return p, err
	}
	for _, id := range wanted {
		p.wanted[id] = true
	}
	p.rules, err = s.rules(ctx, q, team, series, ids)
	return p, err
}
