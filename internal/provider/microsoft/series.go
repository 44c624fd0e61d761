package microsoft

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/call"
	"steno/internal/provider/zone"
)

// series is a master that is to be cut. Its recurrence is kept as it came, so
// that what this program does not know stays.
type series struct {
	row
	Recurrence parts
	Reminder   json.RawMessage
	Categories json.RawMessage
}

type parts struct {
	Pattern map[string]any `json:"pattern"`
	Range   map[string]any `json:"range"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *series) UnmarshalJSON(b []byte) error {
	if err := json.Unmarshal(b, &m.row); err != nil {
		return err
	}
	var p struct {
		Recurrence parts           `json:"recurrence"`
		Reminder   json.RawMessage `json:"reminderMinutesBeforeStart"`
		Categories json.RawMessage `json:"categories"`
	}
	err := json.Unmarshal(b, &p)
	m.Recurrence, m.Reminder, m.Categories = p.Recurrence, p.Reminder, p.Categories
	return err
}

// EndBefore implements calendar.Writer: the range of the master ends on
// the day before.
func (a *account) EndBefore(ctx context.Context, _ string, from calendar.Item) (calendar.Item, error) {
	s := a.spec("end series")
	m, err := a.master(ctx, s, from)
	if err != nil {
		return calendar.Item{}, err
	}
	m.endOn(m.date(from).AddDate(0, 0, -1))
	var r row
	err = a.do(ctx, request{method: http.MethodPatch, path: eventPath(m.ID), body: map[string]any{"recurrence": m.Recurrence}, prefer: []string{inUTC}, spec: s}, &r)
	if err != nil {
		return calendar.Item{}, gone(err)
	}
	return itemOf(r), nil
}

// Continue implements calendar.Writer. The new series has what the old one
// says; an online meeting gets a link of its own, because Graph gives no two
// events the same one.
func (a *account) Continue(ctx context.Context, id string, from calendar.Item, c calendar.Change) (calendar.Item, error) {
	s := a.spec("continue series")
	m, err := a.master(ctx, s, from)
	if err != nil {
		return calendar.Item{}, err
	}
	old := m.when()
	w := calendar.When{Start: from.Slot, End: from.Slot.Add(old.End.Sub(old.Start)), AllDay: from.SlotAllDay, Zone: old.Zone}
	if c.When != nil {
		w = *c.When
		if w.Zone == "" {
			w.Zone = old.Zone
		}
	}
	body := bodyOf(calendar.Change{Title: c.Title, Description: c.Description, Location: c.Location, Attendees: c.Attendees})
	setTimes(body, w, true)
	keep := func(name string, value any) {
		if _, given := body[name]; !given {
			body[name] = value
		}
	}
	keep("subject", m.Subject.v)
	keep("body", itemBodyOf(m.Body.v.Type, strings.TrimSuffix(m.Body.v.Content, joinPart(m.row))))
	keep("location", map[string]string{"displayName": m.Location.v.Name})
	keep("showAs", m.ShowAs.v)
	keep("sensitivity", m.Sensitivity.v)
	if len(m.Reminder) > 0 {
		keep("reminderMinutesBeforeStart", m.Reminder)
	}
	if len(m.Categories) > 0 {
		keep("categories", m.Categories)
	}
	people := []map[string]any{}
	for _, p := range m.Attendees.v {
		people = append(people, map[string]any{"type": p.Type, "emailAddress": p.Address})
	}
	keep("attendees", people)
	if m.IsOnline.v || c.Conference {
		body["isOnlineMeeting"] = true
	}
	if c.RequestID != "" {
		body["transactionId"] = c.RequestID
	}
	if body["recurrence"], err = a.rest(ctx, s, m, from, w, c.Recurrence); err != nil {
		return calendar.Item{}, err
	}
	c.When = &w
	return a.post(ctx, s, id, body, c)
}

// rest is the recurrence of what is left of a series.
func (a *account) rest(ctx context.Context, s call.Spec, m series, from calendar.Item, w calendar.When, lines []string) (any, error) {
	if lines != nil {
		return a.recurrence(s, lines, w)
	}
	if m.Recurrence.Range["type"] == "numbered" {
		last, err := a.lastSlot(ctx, s, from)
		if err != nil {
			return nil, err
		}
		m.endOn(m.date(last))
	}
	m.Recurrence.Range["startDate"] = local(w.Start, w).Format(time.DateOnly)
	return m.Recurrence, nil
}

// recurrence translates recurrence lines.
func (a *account) recurrence(s call.Spec, lines []string, w calendar.When) (patterned, error) {
	p, err := patternOf(lines, w)
	if err != nil {
		return p, a.fail(s, calendar.Refused, calendar.Inexpressible, err.Error())
	}
	return p, nil
}

func (a *account) master(ctx context.Context, s call.Spec, from calendar.Item) (m series, err error) {
	if from.SeriesID == "" {
		return m, a.fail(s, calendar.NotFound, "", "the series does not exist any more")
	}
	err = a.do(ctx, request{method: http.MethodGet, path: eventPath(from.SeriesID), prefer: []string{inUTC}, spec: s}, &m)
	if err == nil && m.Recurrence.Range == nil {
		err = a.fail(s, calendar.Refused, "", "the event is no series any more")
	}
	return m, gone(err)
}

// date is the day of an occurrence as the series counts days.
func (m series) date(it calendar.Item) time.Time {
	if it.SlotAllDay {
		return it.Slot
	}
	at := it.Slot
	if at.IsZero() {
		at = it.When.Start
	}
	name, _ := m.Recurrence.Range["recurrenceTimeZone"].(string)
	at = at.In(zone.Resolve(name, m.StartZone.v).Loc)
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
}

func (m series) endOn(day time.Time) {
	m.Recurrence.Range["type"], m.Recurrence.Range["endDate"] = "endDate", day.Format(time.DateOnly)
	delete(m.Recurrence.Range, "numberOfOccurrences")
}

// lastSlot is the last occurrence of a series whose range counts them.
func (a *account) lastSlot(ctx context.Context, s call.Spec, from calendar.Item) (last calendar.Item, err error) {
	last = from
	// Graph wants an end; a series of 999 that is cut now is over by then.
	w := calendar.Window{Start: from.Slot.Add(-calendar.Early), End: from.Slot.AddDate(20, 0, 0)}
	for token := ""; ; {
		page, err := a.Occurrences(ctx, calendar.OccurrenceRequest{Series: from.SeriesID, Window: w, PageToken: token})
		if err != nil {
			return last, err
		}
		for _, it := range page.Items {
			if it.Slot.After(last.Slot) {
				last = it
			}
		}
		if token = page.Next; token == "" {
			return last, nil
		}
	}
}
