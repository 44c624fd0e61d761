package microsoft

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"steno/internal/calendar"
)

// entry is a calendar.
type entry struct {
	ID      string  `json:"id"`
	Name    string  `json:"name"`
	Default bool    `json:"isDefaultCalendar"`
	CanEdit bool    `json:"canEdit"`
	Owner   address `json:"owner"`
	Context string  `json:"@odata.context"`
	raw     json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *entry) UnmarshalJSON(b []byte) error {
	type plain entry
	if err := json.Unmarshal(b, (*plain)(e)); err != nil {
		return err
	}
	e.raw = append(json.RawMessage(nil), b...)
	return nil
}

// Calendars implements calendar.Lister.
func (a *account) Calendars(ctx context.Context) ([]calendar.Info, error) {
	list, err := all[entry](ctx, a, request{
		method: http.MethodGet, path: "/me/calendars", query: url.Values{"$top": {"100"}}, spec: a.spec("list calendars"),
	})
	if err != nil {
		return nil, err
	}
	email := ""
	for _, e := range list {
		if e.Default {
			email = e.Owner.Address
		}
	}
	var out []calendar.Info
	for _, e := range list {
		if e.ID != "" {
			out = append(out, infoOf(e, email))
		}
	}
	return out, nil
}

// Calendar implements calendar.Lister. A calendar that somebody shared has
// another owner, so the account's address is that of the default calendar.
func (a *account) Calendar(ctx context.Context, id string) (calendar.Info, error) {
	e, err := a.entry(ctx, id)
	if err != nil {
		return calendar.Info{}, err
	}
	email := e.Owner.Address
	if !e.Default {
		own, err := a.entry(ctx, "primary")
		if err != nil && !calendar.IsKind(err, calendar.NotFound) && !calendar.IsKind(err, calendar.PermissionDenied) {
			return calendar.Info{}, err
		}
		email = own.Owner.Address
	}
	return infoOf(e, email), nil
}

func (a *account) entry(ctx context.Context, id string) (e entry, err error) {
	s := a.spec("get calendar")
	err = a.do(ctx, request{method: http.MethodGet, path: calendarPath(id), spec: s}, &e)
	if err == nil && e.ID == "" {
		err = a.fail(s, calendar.Transient, "", "the service's answer is no calendar")
	}
	a.learn(e.Context)
	return e, gone(err)
}

func infoOf(e entry, email string) calendar.Info {
	info := calendar.Info{ID: e.ID, Name: e.Name, Email: email, Primary: e.Default, CanWrite: e.CanEdit, Metadata: e.raw}
	if info.Name == "" {
		info.Name = e.ID
	}
	return info
}
