package calendar

import (
	"context"
	"time"

	"steno/internal/page"
)

const (
	// part bounds how many events one calendar.events_synced message carries.
	part = 2500
	// walk is how many series are read at a time.
	walk = 500
)

// announce tells of all events in the window, once in the life of a connection.
// It goes from series to series, so that its cost grows with their number.
func (r *run) announce(ctx context.Context, tx Tx, now time.Time) error {
	p := parts{r: r, tx: tx, now: now}
	var from *page.Position
	for {
		series, err := tx.SeriesFrom(ctx, r.conn.TeamID, r.conn.ID, from, walk)
		if err != nil {
			return err
		}
		if err := p.add(ctx, series); err != nil {
			return err
		}
		if len(series) < walk {
			break
		}
		last := series[len(series)-1]
		from = &page.Position{At: last.CreatedAt, ID: last.ID}
	}
	if p.n > 0 || !p.sent { // that there are none is worth telling
		if err := p.send(ctx); err != nil {
			return err
		}
	}
	return tellV1(ctx, tx, r.conn, p.ids, now)
}

// parts cuts what is announced into messages. A series with more events than
// fit goes on in the next one.
type parts struct {
	r      *run
	tx     Tx
	now    time.Time
	events []seriesData
	n      int
	sent   bool
	ids    []string // of all events
}

func (p *parts) add(ctx context.Context, series []Series) error {
	if len(series) == 0 {
		return nil
	}
	ids := make([]string, 0, len(series))
	for _, s := range series {
		ids = append(ids, s.ID)
	}
	events, err := p.tx.Upcoming(ctx, p.r.conn, p.r.window, ids)
	if err != nil {
		return err
	}
	inside := map[string][]instance{}
	for _, e := range events {
		inside[e.SeriesID] = append(inside[e.SeriesID], instanceOf(e))
		p.ids = append(p.ids, e.ID)
	}
	for _, s := range series {
		for rest := inside[s.ID]; len(rest) > 0; {
			n := min(len(rest), part-p.n)
			p.events = append(p.events, seriesData{EventType: s.Type(), SeriesID: s.ID, BotScheduled: s.BotScheduled, Instances: rest[:n]})
			p.n, rest = p.n+n, rest[n:]
			if p.n < part {
				continue
			}
			if err := p.send(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parts) send(ctx context.Context) error {
	data := syncedData{CalendarID: p.r.conn.ID, Events: p.events}
	if data.Events == nil {
		data.Events = []seriesData{}
	}
	p.events, p.n, p.sent = nil, 0, true
	return p.tx.Emit(ctx, message(p.r.conn.TeamID, MsgSynced, p.now, data))
}
