package calendar

import (
	"context"
	"time"
)

// MsgV1Syncs is the one event of calendars that v1 has (digest 9.4): which
// events a sync has changed.
const MsgV1Syncs = "calendar.sync_events"

// partV1 bounds how many events one message names.
const partV1 = 10_000

type syncDataV1 struct {
	CalendarID string   `json:"calendar_id"`
	UpdatedAt  string   `json:"last_updated_ts"`
	Events     []string `json:"affected_event_uuids"`
}

// tellV1 tells of the events that a sync has changed, in one message unless
// they are very many.
func tellV1(ctx context.Context, tx Tx, c Connection, events []string, now time.Time) error {
	for {
		n := min(len(events), partV1)
		m := message(c.TeamID, MsgV1Syncs, now, syncDataV1{c.ID, stamp(now), append([]string{}, events[:n]...)})
		m.V1 = true
		if err := tx.Emit(ctx, m); err != nil {
			return err
		}
		if events = events[n:]; len(events) == 0 {
			return nil
		}
	}
}

// changedIDs are the events that a batch tells of.
func (b *batch) changedIDs() []string {
	ids := make([]string, 0, len(b.changes))
	for _, ch := range b.changes {
		ids = append(ids, ch.event.ID)
	}
	return unique(ids)
}
