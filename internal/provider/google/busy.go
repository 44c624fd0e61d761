package google

import (
	"context"
	"slices"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
	"steno/internal/provider/zone"
)

// busyCalendars is how many calendars one query may name.
const busyCalendars = 50

// FreeBusy implements calendar.BusyReader. Where the scope allows events but no
// free/busy (trap 16), the events tell.
func (a *account) FreeBusy(ctx context.Context, calendars []string, w calendar.Window) ([]calendar.Busy, error) {
	var out []calendar.Busy
	for chunk := range slices.Chunk(calendars, busyCalendars) {
		busy, err := a.query(ctx, chunk, w)
		if e := calendar.AsError(err); e != nil && e.Kind == calendar.PermissionDenied && e.Reason == noScope {
			busy, err = a.fromEvents(ctx, chunk, w)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, busy...)
	}
	slices.SortStableFunc(out, func(x, y calendar.Busy) int { return x.Start.Compare(y.Start) })
	return out, nil
}

// PeopleBusy implements calendar.BusyReader: a person's address is the id of
// that person's calendar.
func (a *account) PeopleBusy(ctx context.Context, emails []string, w calendar.Window) (busy []calendar.Busy, unknown []string, err error) {
	for chunk := range slices.Chunk(emails, busyCalendars) {
		res, err := a.ask(ctx, chunk, w)
		if e := calendar.AsError(err); e != nil && e.Kind == calendar.PermissionDenied && e.Reason == noScope {
			unknown = append(unknown, chunk...)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		for _, email := range chunk {
			c, ok := res.Calendars[email]
			switch {
			case !ok || (len(c.Errors) > 0 && c.Errors[0].Reason == "notFound"):
				unknown = append(unknown, email)
			case len(c.Errors) > 0:
				return nil, nil, calendarError("query free/busy", c.Errors[0].Reason)
			default:
				busy = append(busy, periods(email, c.Busy)...)
			}
		}
	}
	return busy, unknown, nil
}

func (a *account) query(ctx context.Context, calendars []string, w calendar.Window) ([]calendar.Busy, error) {
	res, err := a.ask(ctx, calendars, w)
	if err != nil {
		return nil, err
	}
	var out []calendar.Busy
	for _, id := range calendars {
		c, ok := res.Calendars[id]
		if !ok && id == "primary" && len(calendars) == 1 {
			for _, only := range res.Calendars { // under its lasting id
				c, ok = only, true
			}
		}
		if !ok {
			continue
		}
		if len(c.Errors) > 0 { // inside of a 200
			return nil, calendarError("query free/busy", c.Errors[0].Reason)
		}
		out = append(out, periods(id, c.Busy)...)
	}
	return out, nil
}

func (a *account) ask(ctx context.Context, ids []string, w calendar.Window) (res *api.FreeBusyResponse, err error) {
	from, to := bounds(w)
	req := &api.FreeBusyRequest{TimeMin: from, TimeMax: to, CalendarExpansionMax: busyCalendars}
	for _, id := range ids {
		req.Items = append(req.Items, &api.FreeBusyRequestItem{Id: id})
	}
	err = a.do(ctx, a.spec("query free/busy"), func(ctx context.Context) (err error) {
		res, err = a.api.Freebusy.Query(req).Context(ctx).Do()
		return err
	})
	return res, err
}

func periods(id string, list []*api.TimePeriod) (out []calendar.Busy) {
	for _, p := range list {
		start, serr := time.Parse(time.RFC3339, p.Start)
		end, eerr := time.Parse(time.RFC3339, p.End)
		if serr == nil && eerr == nil {
			out = append(out, calendar.Busy{Calendar: id, Start: start.UTC(), End: end.UTC(), Kind: "busy"})
		}
	}
	return out
}

func calendarError(op, reason string) error {
	e := &calendar.Error{Kind: calendar.Transient, Platform: calendar.Google, Op: op, Reason: reason, Message: "the service could not read a calendar"}
	switch reason {
	case "notFound":
		e.Kind, e.Message = calendar.NotFound, "a calendar does not exist or is not visible to this account"
	case "groupTooBig", "tooManyCalendarsRequested":
		e.Kind, e.Message = calendar.Refused, "too many calendars were asked for"
	}
	return e
}

// fromEvents counts what freebusy.query would: opaque time that was not
// declined.
func (a *account) fromEvents(ctx context.Context, calendars []string, w calendar.Window) ([]calendar.Busy, error) {
	from, to := bounds(w)
	var out []calendar.Busy
	for _, id := range calendars {
		for token := ""; ; {
			q := a.api.Events.List(id).SingleEvents(true).TimeMin(from).TimeMax(to).MaxResults(pageSize)
			if token != "" {
				q.PageToken(token)
			}
			page, raw, err := a.events(ctx, a.spec("list events for free/busy"), func(ctx context.Context) (*api.Events, error) { return q.Context(ctx).Do() })
			if err != nil {
				return nil, err
			}
			loc := zone.Resolve(raw.TimeZone).Loc
			for _, it := range page.Items {
				if b, ok := busyOf(it, id, loc); ok {
					out = append(out, b)
				}
			}
			if token = page.Next; token == "" {
				break
			}
		}
	}
	return out, nil
}

func busyOf(it calendar.Item, id string, loc *time.Location) (calendar.Busy, bool) {
	if (it.Kind != calendar.Single && it.Kind != calendar.Occurrence) || it.Free || it.Declined || it.NotMeeting {
		return calendar.Busy{}, false
	}
	b := calendar.Busy{Calendar: id, Start: it.When.Start, End: it.When.End, Kind: "busy"}
	if it.When.AllDay { // midnight where the calendar is
		b.Start, b.End = midnight(b.Start, loc), midnight(b.End, loc)
	}
	return b, b.End.After(b.Start)
}

func midnight(date time.Time, loc *time.Location) time.Time {
	return time.Date(date.Year(), date.Month(), date.Day(), 0, 0, 0, 0, loc).UTC()
}
