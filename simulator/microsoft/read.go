package microsoft

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// pageOf cuts a list as $top and $skip say and adds the link to the rest.
func pageOf[T any](c *call, all []T, size int) service.Reply {
	q := c.r.URL.Query()
	skip := 0
	for name, into := range map[string]*int{"$top": &size, "$skip": &skip} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 || name == "$top" && (n == 0 || n > 1000) {
				return c.s.failure(http.StatusBadRequest, "ErrorInvalidUrlQuery", "Invalid value '"+s+"' for '"+name+"' query option found.")
			}
			*into = n
		}
	}
	all = all[min(skip, len(all)):]
	result := map[string]any{"@odata.context": c.s.GraphURL() + "/$metadata#Collection(" + c.method + ")"}
	if len(all) > size {
		all = all[:size]
		q.Set("$skip", strconv.Itoa(skip+size))
		result["@odata.nextLink"] = c.s.Address() + c.r.URL.EscapedPath() + "?" + q.Encode()
	}
	result["value"] = all
	if all == nil {
		result["value"] = []T{}
	}
	if fields := q.Get("$select"); fields != "" {
		result["value"] = selected(result["value"], strings.Split(fields, ","))
	}
	return service.Reply{Body: result}
}

// selected keeps the fields that were asked for, and what always comes.
func selected(value any, fields []string) any {
	data, err := json.Marshal(value)
	var rows []map[string]json.RawMessage
	if err != nil || json.Unmarshal(data, &rows) != nil {
		return value
	}
	for _, row := range rows {
		for name := range row {
			if !strings.HasPrefix(name, "@") && name != "id" && !slices.Contains(fields, name) {
				delete(row, name)
			}
		}
	}
	return rows
}

// window reads startDateTime and endDateTime.
func (c *call) window() (from, to time.Time, reply service.Reply, ok bool) {
	q := c.r.URL.Query()
	for name, into := range map[string]*time.Time{"startDateTime": &from, "endDateTime": &to} {
		s := q.Get(name)
		if s == "" {
			return from, to, c.s.failure(http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime."), false
		}
		t, err := parseInstant(s)
		if err != nil {
			return from, to, c.s.failure(http.StatusBadRequest, "ErrorInvalidParameter", "The value '"+s+"' of parameter '"+name+"' is invalid."), false
		}
		*into = t
	}
	if !from.Before(to) {
		return from, to, c.s.failure(http.StatusBadRequest, "ErrorPropertyValidationFailure", "At least one property failed validation."), false
	}
	return from, to, service.Reply{}, true
}

// parseInstant reads a time with an offset, or without one as UTC.
func parseInstant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	return time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(s, "Z"))
}

func calendarView(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	from, to, reply, ok := c.window()
	if !ok {
		return reply
	}
	v := c.view(cal)
	list := cal.Occurrences(from, to)
	rows := make([]*event, 0, len(list))
	cal.View(func([]*truth.Item, []truth.Change) {
		for _, o := range list {
			rows = append(rows, v.occurrence(o))
		}
	})
	return pageOf(c, rows, 10)
}

// listEvents lists singles and masters.
func listEvents(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	v := c.view(cal)
	rows := []*event{}
	cal.View(func(items []*truth.Item, _ []truth.Change) {
		for _, it := range items {
			if !it.Deleted {
				rows = append(rows, v.item(it))
			}
		}
	})
	return pageOf(c, rows, 10)
}

// place of an id: the calendar that holds it.
func (c *call) find() (cal *truth.Calendar, item, slot string, reply service.Reply, ok bool) {
	id := c.r.PathValue("event")
	item, slot, moved, good := parseID(id)
	if !good {
		return nil, "", "", c.s.failure(http.StatusBadRequest, "ErrorInvalidIdMalformed", "Id is malformed."), false
	}
	for _, cal := range c.account.List() {
		if want := c.r.PathValue("calendar"); want != "" && cal.ID != want {
			continue
		}
		found := false
		cal.Get(item, func(it *truth.Item) {
			found = !it.Deleted && (moved < 0 || moved == it.Moved)
			if found && slot != "" {
				o, there := it.At(cal.Owner.Email, slot)
				found = there && !o.Cancelled
			}
		})
		if found {
			return cal, item, slot, service.Reply{}, true
		}
	}
	return nil, "", "", c.s.notFound(), false
}

func getEvent(c *call) service.Reply {
	cal, item, slot, reply, ok := c.find()
	if !ok {
		return reply
	}
	return c.show(cal, item, slot, http.StatusOK)
}

func (c *call) show(cal *truth.Calendar, item, slot string, code int) service.Reply {
	v := c.view(cal)
	var e *event
	cal.Get(item, func(it *truth.Item) {
		if slot == "" {
			e = v.item(it)
			return
		}
		if o, ok := it.At(cal.Owner.Email, slot); ok {
			e = v.occurrence(o)
		}
	})
	if e == nil {
		return c.s.notFound()
	}
	if fields := c.r.URL.Query().Get("$select"); fields != "" {
		rows := selected([]*event{e}, strings.Split(fields, ","))
		if list, ok := rows.([]map[string]json.RawMessage); ok {
			return service.Reply{Status: code, Body: list[0]}
		}
	}
	return service.Reply{Status: code, Body: e}
}

func listInstances(c *call) service.Reply {
	cal, item, slot, reply, ok := c.find()
	if !ok {
		return reply
	}
	from, to, reply, ok := c.window()
	if !ok {
		return reply
	}
	v := c.view(cal)
	rows := []*event{}
	series := true
	cal.Get(item, func(it *truth.Item) {
		series = it.Rule != nil && slot == ""
		it.Expand(cal.Owner.Email, truth.Window{From: from, To: to}, func(o truth.Occurrence) bool {
			rows = append(rows, v.occurrence(o))
			return true
		})
	})
	if !series {
		return c.s.failure(http.StatusBadRequest, "ErrorInvalidRequest", "Your request can't be completed. The event is not a recurring series master.")
	}
	return pageOf(c, rows, 10)
}

type calendarRow struct {
	ID                            string   `json:"id"`
	Name                          string   `json:"name"`
	Color                         string   `json:"color"`
	HexColor                      string   `json:"hexColor"`
	IsDefaultCalendar             bool     `json:"isDefaultCalendar"`
	CanShare                      bool     `json:"canShare"`
	CanViewPrivateItems           bool     `json:"canViewPrivateItems"`
	CanEdit                       bool     `json:"canEdit"`
	AllowedOnlineMeetingProviders []string `json:"allowedOnlineMeetingProviders"`
	DefaultOnlineMeetingProvider  string   `json:"defaultOnlineMeetingProvider"`
	Owner                         any      `json:"owner"`
}

func row(cal *truth.Calendar) calendarRow {
	return calendarRow{ID: cal.ID, Name: cal.Name, Color: "auto", IsDefaultCalendar: cal.Primary, CanShare: cal.Role == "owner",
		CanViewPrivateItems: true, CanEdit: cal.Role == "owner" || cal.Role == "writer", AllowedOnlineMeetingProviders: []string{"teamsForBusiness"},
		DefaultOnlineMeetingProvider: "teamsForBusiness", Owner: map[string]string{"name": cal.Owner.Name, "address": cal.Owner.Email}}
}

func listCalendars(c *call) service.Reply {
	rows := []calendarRow{}
	for _, cal := range c.account.List() {
		rows = append(rows, row(cal))
	}
	return pageOf(c, rows, 10)
}

func getCalendar(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	return service.Reply{Body: row(cal)}
}

func getMe(c *call) service.Reply {
	return service.Reply{Body: map[string]any{"@odata.context": c.s.GraphURL() + "/$metadata#users/$entity", "id": c.account.ID, "displayName": c.account.Name,
		"mail": c.account.Email, "userPrincipalName": c.account.Email}}
}

func (c *call) link(token, value string) string {
	return c.s.Address() + c.r.URL.EscapedPath() + "?" + token + "=" + url.QueryEscape(value)
}
