package microsoft

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/call"
)

// Create implements calendar.Writer. RequestID becomes the transactionId, with
// which Graph recognises a repeated request. Times are written in UTC. Graph
// mails the attendees in any case.
func (a *account) Create(ctx context.Context, id string, c calendar.Change) (calendar.Item, error) {
	s := a.spec("create event")
	body := bodyOf(c)
	if c.RequestID != "" {
		body["transactionId"] = c.RequestID
	}
	if c.Conference {
		body["isOnlineMeeting"] = true // with the calendar's default provider
	}
	if err := a.repeat(s, body, c); err != nil {
		return calendar.Item{}, err
	}
	return a.post(ctx, s, id, body, c)
}

// repeat makes a series of what is written. Its times are in the zone in which
// it keeps its hour.
func (a *account) repeat(s call.Spec, body map[string]any, c calendar.Change) error {
	if c.Recurrence == nil || c.When == nil {
		return nil
	}
	setTimes(body, *c.When, true)
	p, err := a.recurrence(s, c.Recurrence, *c.When)
	body["recurrence"] = p
	return err
}

// post makes an event.
func (a *account) post(ctx context.Context, s call.Spec, id string, body map[string]any, c calendar.Change) (calendar.Item, error) {
	s.Once = c.RequestID == ""
	var r row
	err := a.do(ctx, request{method: http.MethodPost, path: calendarPath(id) + "/events", body: body, prefer: []string{inUTC}, spec: s}, &r)
	if e := calendar.AsError(err); e != nil && e.Reason == conflict && c.RequestID != "" {
		return a.byTransaction(ctx, s, id, c, err)
	}
	if err != nil {
		return calendar.Item{}, err
	}
	return itemOf(r), nil
}

// byTransaction finds the event that an earlier try of the same Create made.
func (a *account) byTransaction(ctx context.Context, s call.Spec, id string, c calendar.Change, refusal error) (calendar.Item, error) {
	if c.When == nil {
		return calendar.Item{}, refusal
	}
	q := span(calendar.Window{Start: c.When.Start.Add(-24 * time.Hour), End: c.When.End.Add(24 * time.Hour)})
	q.Set("$top", "200")
	rows, err := all[row](ctx, a, request{method: http.MethodGet, path: calendarPath(id) + "/calendarView", query: q, prefer: []string{inUTC, maxPage(pageSize)}, spec: s})
	if err != nil {
		return calendar.Item{}, err
	}
	for _, r := range rows {
		if strings.EqualFold(r.Transaction.v, c.RequestID) {
			return itemOf(r), nil
		}
	}
	return calendar.Item{}, refusal
}

// Patch implements calendar.Writer.
func (a *account) Patch(ctx context.Context, _, id string, c calendar.Change) (calendar.Item, error) {
	s := a.spec("change event")
	if id == "" {
		return calendar.Item{}, a.fail(s, calendar.NotFound, "", "the event does not exist any more")
	}
	body := bodyOf(c)
	if c.Conference {
		body["isOnlineMeeting"] = true
	}
	if err := a.repeat(s, body, c); err != nil {
		return calendar.Item{}, err
	}
	if c.Description != nil {
		old, err := a.getEvent(ctx, s, id)
		if err != nil {
			return calendar.Item{}, err
		}
		if kept := joinPart(old); kept != "" {
			body["body"] = itemBodyOf("html", asHTML(*c.Description)+kept)
		}
	}
	var r row
	err := a.do(ctx, request{method: http.MethodPatch, path: eventPath(id), body: body, prefer: []string{inUTC}, spec: s}, &r)
	if err != nil {
		return calendar.Item{}, gone(err)
	}
	return itemOf(r), nil
}

// Delete implements calendar.Writer. If the account is the organizer, Graph
// mails the attendees.
func (a *account) Delete(ctx context.Context, _, id string) error {
	if id == "" {
		return nil
	}
	err := a.do(ctx, request{method: http.MethodDelete, path: eventPath(id), spec: a.spec("delete event")}, nil)
	if calendar.IsKind(gone(err), calendar.NotFound) {
		return nil
	}
	return err
}

// bodyOf holds the given fields only.
func bodyOf(c calendar.Change) map[string]any {
	b := map[string]any{}
	if c.Title != nil {
		b["subject"] = *c.Title
	}
	if c.Description != nil {
		b["body"] = itemBodyOf("text", *c.Description)
	}
	if c.Location != nil {
		b["location"] = map[string]string{"displayName": *c.Location}
	}
	if c.When != nil {
		setTimes(b, *c.When, c.InZone)
	}
	if c.Attendees != nil {
		list := []map[string]any{}
		for _, p := range *c.Attendees {
			list = append(list, map[string]any{"type": "required", "emailAddress": address{Name: p.Name, Address: p.Email}})
		}
		b["attendees"] = list
	}
	return b
}

// setTimes writes start and end, in UTC or in the event's own zone.
func setTimes(b map[string]any, w calendar.When, own bool) {
	point := func(t time.Time) dateTime {
		name := "UTC"
		if t = t.UTC(); own {
			t, name = local(t, w), zoneName(w)
		}
		return dateTime{DateTime: t.Format("2006-01-02T15:04:05.0000000"), TimeZone: name}
	}
	b["start"], b["end"], b["isAllDay"] = point(w.Start), point(w.End), w.AllDay
}

func itemBodyOf(kind, content string) map[string]string {
	return map[string]string{"contentType": kind, "content": content}
}

// teamsRule is the line that Teams draws above its part of an invitation.
var teamsRule = regexp.MustCompile(`(?is)(<[a-z][^<>]*>\s*)*_{20,}.*`)

// joinPart is the part of an online meeting's body that must stay: without it
// the meeting cannot be joined any more (reference 2.2, Write).
func joinPart(r row) string {
	if !r.IsOnline.v && r.Online.v.JoinURL == "" {
		return ""
	}
	if part := teamsRule.FindString(r.Body.v.Content); part != "" && strings.EqualFold(r.Body.v.Type, "html") {
		return part
	}
	if u := r.Online.v.JoinURL; u != "" {
		return `<br><a href="` + html.EscapeString(u) + `">` + html.EscapeString(u) + `</a>`
	}
	return ""
}

func asHTML(text string) string {
	return "<div>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") + "</div>"
}
