package microsoft

import (
	"context"
	"net/http"
	"slices"

	"steno/internal/calendar"
)

// FreeBusy implements calendar.BusyReader. The default calendar is asked with
// getSchedule, which knows what the calendar's owner hides. Personal accounts
// and other calendars do not have it: there the events tell.
func (a *account) FreeBusy(ctx context.Context, calendars []string, w calendar.Window) ([]calendar.Busy, error) {
	var out []calendar.Busy
	for _, id := range calendars {
		e, err := a.entry(ctx, id)
		if err != nil {
			return nil, err
		}
		var busy []calendar.Busy
		asked := false
		if e.Default && e.Owner.Address != "" {
			busy, asked, err = a.schedule(ctx, id, e.Owner.Address, w)
		}
		if err == nil && !asked {
			busy, err = a.fromEvents(ctx, id, w)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, busy...)
	}
	slices.SortStableFunc(out, func(x, y calendar.Busy) int { return x.Start.Compare(y.Start) })
	return out, nil
}

// schedules is how many people one call may name.
const schedules = 20

type scheduleAnswer struct {
	Value []schedule `json:"value"`
}

type schedule struct {
	ID    string `json:"scheduleId"`
	Items []struct {
		Status string   `json:"status"`
		Start  dateTime `json:"start"`
		End    dateTime `json:"end"`
	} `json:"scheduleItems"`
	Error *struct {
		Code string `json:"responseCode"`
	} `json:"error"`
}

// busy returns what takes time, under the given id.
func (s schedule) busy(id string) (out []calendar.Busy) {
	for _, it := range s.Items {
		kind := kindOf(it.Status)
		from, _ := it.Start.at()
		to, _ := it.End.at()
		if kind != "" && to.After(from) {
			out = append(out, calendar.Busy{Calendar: id, Start: from, End: to, Kind: kind})
		}
	}
	return out
}

// PeopleBusy implements calendar.BusyReader.
func (a *account) PeopleBusy(ctx context.Context, emails []string, w calendar.Window) (busy []calendar.Busy, unknown []string, err error) {
	for chunk := range slices.Chunk(emails, schedules) {
		rows, asked, err := a.schedules(ctx, chunk, w)
		if err != nil {
			return nil, nil, err
		}
		for i, email := range chunk {
			if !asked || rows[i].Error != nil {
				unknown = append(unknown, email)
			} else {
				busy = append(busy, rows[i].busy(email)...)
			}
		}
	}
	return busy, unknown, nil
}

// schedule asks for the owner of a calendar. asked is false where it is of no
// use: a personal account, too many entries (5006), a range that is too long.
func (a *account) schedule(ctx context.Context, id, owner string, w calendar.Window) (busy []calendar.Busy, asked bool, err error) {
	rows, asked, err := a.schedules(ctx, []string{owner}, w)
	if err != nil || !asked || rows[0].Error != nil {
		return nil, false, err
	}
	return rows[0].busy(id), true, nil
}

// schedules asks getSchedule. If it was of use, there is a row for each address.
func (a *account) schedules(ctx context.Context, emails []string, w calendar.Window) (rows []schedule, asked bool, err error) {
	bounds := span(w)
	utc := func(s string) map[string]string {
		return map[string]string{"dateTime": s[:len("2006-01-02T15:04:05")], "timeZone": "UTC"}
	}
	body := map[string]any{
		"schedules": emails, "startTime": utc(bounds.Get("startDateTime")), "endTime": utc(bounds.Get("endDateTime")),
		"availabilityViewInterval": 60,
	}
	var got scheduleAnswer
	err = a.do(ctx, request{method: http.MethodPost, path: "/me/calendar/getSchedule", body: body, prefer: []string{inUTC}, spec: a.spec("get schedule")}, &got)
	if e := calendar.AsError(err); e != nil && !e.AuthStage {
		switch e.Kind {
		case calendar.Refused, calendar.PermissionDenied, calendar.NotFound, calendar.Unsupported:
			return nil, false, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	return got.Value, len(got.Value) == len(emails), nil
}

// kindOf is the kind of busy time; empty: none.
func kindOf(showAs string) string {
	switch showAs {
	case "busy", "tentative", "oof", "workingElsewhere":
		return showAs
	case "free":
		return ""
	}
	return "busy" // unknown
}

func (a *account) fromEvents(ctx context.Context, id string, w calendar.Window) ([]calendar.Busy, error) {
	q := span(w)
	q.Set("$top", "200")
	q.Set("$select", "id,type,start,end,showAs,isCancelled,responseStatus")
	rows, err := all[row](ctx, a, request{
		method: http.MethodGet, path: calendarPath(id) + "/calendarView", query: q,
		prefer: []string{inUTC, maxPage(pageSize)}, spec: a.spec("list events for free/busy"),
	})
	if err != nil {
		return nil, err
	}
	var out []calendar.Busy
	for _, r := range rows {
		from, _ := r.Start.v.at() // an all-day event as the instants at which it begins and ends
		to, _ := r.End.v.at()
		declined := r.Response.v.Response == "declined"
		kind := kindOf(r.ShowAs.v)
		if kind == "" || declined || r.Cancelled.v || r.removed() || !to.After(from) {
			continue
		}
		out = append(out, calendar.Busy{Calendar: id, Start: from, End: to, Kind: kind})
	}
	return out, nil
}
