package google

import (
	"context"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
	"steno/internal/calendar/rrule"
	"steno/internal/provider/call"
)

// EndBefore implements calendar.Writer: the master gets another UNTIL.
func (a *account) EndBefore(ctx context.Context, id string, from calendar.Item) (calendar.Item, error) {
	s := a.spec("end series")
	for again := true; ; again = false {
		master, set, err := a.master(ctx, s, id, from)
		if err != nil {
			return calendar.Item{}, err
		}
		set.EndBefore(from.Slot, from.SlotAllDay)
		got, body, err := a.patch(ctx, id, master.Id, &api.Event{Recurrence: set.Lines()}, master.Etag, calendar.Change{Notify: true})
		if x := calendar.AsError(err); x != nil && x.Reason == "conditionNotMet" && again {
			continue
		}
		if err != nil {
			return calendar.Item{}, gone(err)
		}
		return written(got, body), nil
	}
}

// Continue implements calendar.Writer. The new series has what the old one
// says, its conference included; exceptions of its occurrences are not carried
// over.
func (a *account) Continue(ctx context.Context, id string, from calendar.Item, c calendar.Change) (calendar.Item, error) {
	s := a.spec("continue series")
	master, set, err := a.master(ctx, s, id, from)
	if err != nil {
		return calendar.Item{}, err
	}
	old := whenOf(master, "")
	start := calendar.When{Start: from.Slot, End: from.Slot.Add(old.End.Sub(old.Start)), AllDay: from.SlotAllDay, Zone: old.Zone}
	if set.Count > 0 {
		last, err := a.lastSlot(ctx, s, id, from)
		if err != nil {
			return calendar.Item{}, err
		}
		set.EndAt(last, from.SlotAllDay)
	}
	if c.When == nil {
		c.When = &start
	}
	if !c.When.AllDay && !from.SlotAllDay {
		set.Shift(c.When.Start.Sub(from.Slot))
	}
	if c.Recurrence == nil {
		c.Recurrence = set.Lines()
	}
	e := &api.Event{
		Summary: master.Summary, Description: master.Description, Location: master.Location, ColorId: master.ColorId, Transparency: master.Transparency,
		Visibility: master.Visibility, Reminders: master.Reminders, ExtendedProperties: master.ExtendedProperties, Attachments: master.Attachments,
		GuestsCanInviteOthers: master.GuestsCanInviteOthers, GuestsCanModify: master.GuestsCanModify, GuestsCanSeeOtherGuests: master.GuestsCanSeeOtherGuests,
		ConferenceData: master.ConferenceData,
	}
	for _, p := range master.Attendees {
		if p != nil {
			e.Attendees = append(e.Attendees, &api.EventAttendee{Email: p.Email, DisplayName: p.DisplayName, Optional: p.Optional, ResponseStatus: p.ResponseStatus})
		}
	}
	return a.insert(ctx, id, e, c)
}

// master reads the series that an occurrence belongs to.
func (a *account) master(ctx context.Context, s call.Spec, id string, from calendar.Item) (*api.Event, rrule.Set, error) {
	e, err := a.get(ctx, s, id, from.SeriesID)
	if err != nil {
		return nil, rrule.Set{}, err
	}
	set, err := rrule.Parse(e.Recurrence)
	if err != nil {
		return nil, set, &calendar.Error{Kind: calendar.Refused, Platform: calendar.Google, Op: s.Op, Reason: calendar.Inexpressible,
			Message: "the series cannot be cut, because its rule " + err.Error()}
	}
	return e, set, nil
}

// lastSlot is where a series ends whose rule counts its occurrences.
func (a *account) lastSlot(ctx context.Context, s call.Spec, id string, from calendar.Item) (last time.Time, err error) {
	last = from.Slot
	for token := ""; ; {
		q := a.api.Events.Instances(id, from.SeriesID).TimeMin(from.Slot.Add(-calendar.Early).Format(time.RFC3339)).MaxResults(pageSize)
		if token != "" {
			q.PageToken(token)
		}
		page, _, err := a.events(ctx, s, func(ctx context.Context) (*api.Events, error) { return q.Context(ctx).Do() })
		if err != nil {
			return last, gone(err)
		}
		for _, it := range page.Items {
			if it.Slot.After(last) {
				last = it.Slot
			}
		}
		if token = page.Next; token == "" {
			return last, nil
		}
	}
}
