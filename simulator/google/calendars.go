package google

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

type calendarEntry struct {
	Kind             string `json:"kind"`
	ETag             string `json:"etag"`
	ID               string `json:"id"`
	Summary          string `json:"summary,omitempty"`
	TimeZone         string `json:"timeZone"`
	AccessRole       string `json:"accessRole,omitempty"`
	Primary          bool   `json:"primary,omitempty"`
	Selected         bool   `json:"selected,omitempty"`
	DefaultReminders []any  `json:"defaultReminders,omitempty"`
}

func entry(cal *truth.Calendar) calendarEntry {
	return calendarEntry{Kind: "calendar#calendarListEntry", ETag: `"1"`, ID: cal.ID, Summary: cal.Name, TimeZone: cal.Zone, AccessRole: cal.Role,
		Primary: cal.Primary, Selected: true}
}

func listCalendars(c *call) service.Reply {
	size := 100
	if s := c.query("maxResults"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return c.invalid("maxResults")
		}
		size = min(n, 250)
	}
	at := 0
	if s := c.query("pageToken"); s != "" {
		t, ok := parseCursor(s, "page")
		if !ok {
			return c.invalid("pageToken")
		}
		at = int(t.At)
	}
	if at > 0 && c.happens(service.EmptyPage) {
		size = 0
	}
	roles := []string{"freeBusyReader", "reader", "writer", "owner"}
	least := max(slices.Index(roles, c.query("minAccessRole")), 0)
	items := []calendarEntry{}
	next := ""
	for i, cal := range c.account.List() {
		switch {
		case i < at || slices.Index(roles, cal.Role) < least:
			continue
		case len(items) >= size:
			next = cursor{Kind: "page", At: int64(i)}.String()
		default:
			items = append(items, entry(cal))
			continue
		}
		break
	}
	body := map[string]any{"kind": "calendar#calendarList", "etag": `"1"`, "items": items}
	if next != "" {
		body["nextPageToken"] = next
	} else {
		body["nextSyncToken"] = cursor{Kind: "sync"}.String()
	}
	return service.Reply{Body: body}
}

func getCalendarEntry(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	return service.Reply{Body: entry(cal)}
}

func getCalendar(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	return service.Reply{Body: calendarEntry{Kind: "calendar#calendar", ETag: `"1"`, ID: cal.ID, Summary: cal.Name, TimeZone: cal.Zone}}
}

type busySpan struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// maxBusy is how many calendars one query may ask for.
const maxBusy = 50

func queryFreeBusy(c *call) service.Reply {
	var body struct {
		TimeMin, TimeMax, TimeZone string
		CalendarExpansionMax       int
		Items                      []struct{ ID string }
	}
	if err := service.ReadJSON(c.r, &body); err != nil {
		return failure(http.StatusBadRequest, "global", "parseError", "Parse Error")
	}
	from, err := time.Parse(time.RFC3339, body.TimeMin)
	if err != nil {
		return parameter(http.StatusBadRequest, "global", "required", "Missing timeMin parameter.", "timeMin")
	}
	to, err := time.Parse(time.RFC3339, body.TimeMax)
	if err != nil {
		return parameter(http.StatusBadRequest, "global", "required", "Missing timeMax parameter.", "timeMax")
	}
	if !from.Before(to) {
		return failure(http.StatusBadRequest, "calendar", "timeRangeEmpty", "The specified time range is empty.")
	}
	loc, err := loadZone(body.TimeZone)
	if err != nil {
		return c.invalid("timeZone")
	}
	limit := maxBusy
	if body.CalendarExpansionMax > 0 {
		limit = min(limit, body.CalendarExpansionMax)
	}
	calendars := map[string]any{}
	for i, item := range body.Items {
		cal := c.account.Find(item.ID)
		if item.ID == "primary" {
			cal = c.account.Primary()
		}
		reason := ""
		if cal == nil {
			reason = "notFound"
		}
		if i >= limit {
			reason = "tooManyCalendarsRequested"
		}
		if reason != "" {
			calendars[item.ID] = map[string]any{"busy": []busySpan{}, "errors": []any{map[string]string{"domain": "global", "reason": reason}}}
			continue
		}
		calendars[item.ID] = map[string]any{"busy": busy(cal, from, to, loc)}
	}
	return service.Reply{Body: map[string]any{"kind": "calendar#freeBusy", "timeMin": stamp(from), "timeMax": stamp(to), "calendars": calendars}}
}

// busy merges what takes time: opaque and not declined.
func busy(cal *truth.Calendar, from, to time.Time, in *time.Location) []busySpan {
	type span struct{ start, end time.Time }
	var taken []span
	for _, o := range cal.Occurrences(from, to) {
		if o.Content.Free || o.Response == truth.Declined {
			continue
		}
		s, e := o.Start, o.End
		if o.AllDay {
			s, e = midnight(s, cal), midnight(e, cal)
		}
		taken = append(taken, span{later(s, from), earlier(e, to)})
	}
	// All-day events begin elsewhere than their dates, by which they were sorted.
	slices.SortFunc(taken, func(a, b span) int { return a.start.Compare(b.start) })
	list := []busySpan{}
	for i := 0; i < len(taken); {
		s := taken[i]
		for i++; i < len(taken) && !taken[i].start.After(s.end); i++ {
			s.end = later(s.end, taken[i].end)
		}
		list = append(list, busySpan{s.start.In(in).Format(time.RFC3339), s.end.In(in).Format(time.RFC3339)})
	}
	return list
}

func midnight(date time.Time, cal *truth.Calendar) time.Time {
	y, m, d := date.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, cal.Location())
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
