package microsoft

import (
	"context"
	"net/http"

	"steno/internal/calendar"
	"steno/internal/provider/call"
	"steno/internal/provider/zone"
)

// Occurrences implements calendar.Syncer through instances and calendarView.
// Without $top Graph gives ten a page.
func (a *account) Occurrences(ctx context.Context, r calendar.OccurrenceRequest) (calendar.Page, error) {
	req := request{method: http.MethodGet, spec: a.spec("list occurrences"), query: span(r.Window)}
	req.spec.Timeout = pageTimeout
	req.query.Set("$top", "200")
	req.path = calendarPath(r.Calendar) + "/calendarView"
	if r.Series != "" {
		req.path = eventPath(r.Series) + "/instances"
	}
	if r.PageToken != "" {
		if err := a.follow(&req, r.PageToken); err != nil {
			return calendar.Page{}, err
		}
	}
	p, _, err := a.page(ctx, req, pageSize)
	if err != nil {
		return calendar.Page{}, gone(err)
	}
	if p.Next != "" {
		if err := a.follow(&req, p.Next); err != nil {
			return calendar.Page{}, err
		}
	}
	items, err := a.occurrenceItems(ctx, req.spec, p.Value)
	return calendar.Page{Items: items, Next: p.Next}, err
}

// occurrenceItems translates rows that have to be complete.
func (a *account) occurrenceItems(ctx context.Context, s call.Spec, rows []row) ([]calendar.Item, error) {
	masters := a.mastersOn(rows)
	items := make([]calendar.Item, 0, len(rows))
	for _, r := range rows {
		if r.ID == "" || r.removed() || r.Type == "seriesMaster" || r.Cancelled.v {
			continue
		}
		if r.bare() || r.incomplete() {
			m, err := masters.get(ctx, s, r.MasterID.v)
			if err != nil {
				return nil, err
			}
			if m == nil {
				continue // an orphan: its series is gone
			}
			r = inherit(r, *m)
		}
		items = append(items, itemOf(r))
	}
	return items, nil
}

// Event implements calendar.Syncer.
func (a *account) Event(ctx context.Context, _, id string) (calendar.Item, error) {
	s := a.spec("get event")
	r, err := a.getEvent(ctx, s, id)
	if err != nil {
		return calendar.Item{}, err
	}
	return itemOf(r), nil
}

func (a *account) getEvent(ctx context.Context, s call.Spec, id string) (r row, err error) {
	if id == "" { // the path would be that of the list
		return r, a.fail(s, calendar.NotFound, "", "the event does not exist any more")
	}
	err = a.do(ctx, request{method: http.MethodGet, path: eventPath(id), prefer: []string{inUTC}, spec: s}, &r)
	if err == nil && r.ID == "" {
		err = a.fail(s, calendar.Transient, "", "the service's answer is no event")
	}
	return r, gone(err)
}

// gone: 410 to anything but a round says that the thing is no more.
func gone(err error) error {
	if e := calendar.AsError(err); e != nil && e.Kind == calendar.CursorLost {
		e.Kind = calendar.NotFound
	}
	return err
}

// dayOf is what the bare occurrences of a master need to know of it.
func dayOf(r row) day { return day{allDay: r.AllDay.v, zone: zone.Resolve(r.StartZone.v)} }
