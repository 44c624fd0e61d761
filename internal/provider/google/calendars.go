package google

import (
	"context"
	"encoding/json"
	"strings"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
)

// Calendars implements calendar.Lister. Scope calendar.events is not enough for
// it (trap 16).
func (a *account) Calendars(ctx context.Context) ([]calendar.Info, error) {
	s := a.spec("list calendars")
	var out []calendar.Info
	email := ""
	for token := ""; ; {
		var page *api.CalendarList
		err := a.do(ctx, s, func(ctx context.Context) (err error) {
			q := a.api.CalendarList.List().MaxResults(250)
			if token != "" {
				q.PageToken(token)
			}
			page, err = q.Context(ctx).Do()
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, c := range page.Items {
			if c == nil || c.Id == "" || c.Deleted || c.Hidden {
				continue
			}
			out = append(out, infoOf(c))
			if c.Primary {
				email = c.Id // of a primary calendar they are the same
			}
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	for i := range out {
		out[i].Email = email
	}
	return out, nil
}

// Calendar implements calendar.Lister.
func (a *account) Calendar(ctx context.Context, id string) (calendar.Info, error) {
	c, err := a.entry(ctx, id)
	if e := calendar.AsError(err); e != nil && (e.Kind == calendar.NotFound || (e.Kind == calendar.PermissionDenied && !e.AuthStage)) {
		// Not on the account's list, or the scope allows events only.
		return a.probe(ctx, id)
	}
	if err != nil {
		return calendar.Info{}, err
	}
	info := infoOf(c)
	if info.Email = info.ID; !c.Primary {
		info.Email = ""
		if p, err := a.entry(ctx, "primary"); err == nil {
			info.Email = p.Id
		} else if e := calendar.AsError(err); e == nil || (e.Kind != calendar.NotFound && e.Kind != calendar.PermissionDenied) {
			return calendar.Info{}, err
		}
	}
	return info, nil
}

func (a *account) entry(ctx context.Context, id string) (c *api.CalendarListEntry, err error) {
	if id == "" {
		return nil, notFound("get calendar")
	}
	err = a.do(ctx, a.spec("get calendar"), func(ctx context.Context) (err error) {
		c, err = a.api.CalendarList.Get(id).Context(ctx).Do()
		return err
	})
	return c, err
}

// probe learns of a calendar what its events tell. The alias "primary" is
// resolved where an event names its owner: organizer.self is the calendar.
func (a *account) probe(ctx context.Context, id string) (calendar.Info, error) {
	if id == "" {
		return calendar.Info{}, notFound("get calendar")
	}
	var page *api.Events
	err := a.do(ctx, a.spec("get calendar"), func(ctx context.Context) (err error) {
		page, err = a.api.Events.List(id).MaxResults(50).Context(ctx).Do()
		return err
	})
	if err != nil {
		return calendar.Info{}, err
	}
	info := calendar.Info{ID: id, Name: page.Summary, TimeZone: page.TimeZone, CanWrite: writable(page.AccessRole), Primary: id == "primary"}
	if id == "primary" {
		info.ID = ownerOf(page)
		if info.ID == "" {
			info.ID = id
		} else {
			info.Email = info.ID
		}
	}
	if info.Name == "" {
		info.Name = info.ID
	}
	return info, nil
}

// ownerOf is the id of the primary calendar as far as its events show it. Its
// name is the account's address unless somebody has changed it.
func ownerOf(page *api.Events) string {
	for _, e := range page.Items {
		if e == nil {
			continue
		}
		if e.Organizer != nil && e.Organizer.Self && e.Organizer.Email != "" {
			return e.Organizer.Email
		}
		for _, p := range e.Attendees {
			if p != nil && p.Self && p.Email != "" {
				return p.Email
			}
		}
	}
	if at := strings.IndexByte(page.Summary, '@'); at > 0 && !strings.ContainsAny(page.Summary, " \t") {
		return page.Summary
	}
	return ""
}

func infoOf(c *api.CalendarListEntry) calendar.Info {
	info := calendar.Info{ID: c.Id, Name: c.SummaryOverride, Primary: c.Primary, CanWrite: writable(c.AccessRole), TimeZone: c.TimeZone}
	if info.Name == "" {
		info.Name = c.Summary
	}
	if info.Name == "" { // it may be missing
		info.Name = c.Id
	}
	info.Metadata, _ = json.Marshal(c) // it was JSON a moment ago
	return info
}

func writable(role string) bool {
	return role == "owner" || role == "writer" || role == "writerWithoutPrivateAccess"
}
