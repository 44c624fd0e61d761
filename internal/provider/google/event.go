package google

import (
	"maps"
	"slices"
	"strings"
	"time"

	api "google.golang.org/api/calendar/v3"

	"steno/internal/calendar"
	"steno/internal/provider/zone"
)

// itemOf brings an event into the shape that all services share, but for Raw.
// calendarZone is the zone of the list that the event came in; it may be empty.
func itemOf(e *api.Event, calendarZone string) calendar.Item {
	it := calendar.Item{ID: e.Id, SeriesID: e.RecurringEventId}
	if e.OriginalStartTime != nil {
		it.Slot, _, it.SlotAllDay, _ = pointOf(e.OriginalStartTime)
	}
	switch {
	case e.Status == "cancelled" && e.RecurringEventId != "":
		// It guarantees id, recurringEventId, originalStartTime and status; there
		// is no start (trap 6).
		it.Kind, it.Status = calendar.CancelledSlot, calendar.Cancelled
		return it
	case e.Status == "cancelled":
		it.Kind, it.Status = calendar.Tombstone, calendar.Cancelled
		return it
	case e.RecurringEventId != "":
		it.Kind = calendar.Occurrence
	case len(e.Recurrence) > 0:
		it.Kind = calendar.Master
	default:
		it.Kind = calendar.Single
	}
	it.Fields = fieldsOf(e, calendarZone)
	it.Exception = it.Kind == calendar.Occurrence && !it.Slot.IsZero() && !it.Slot.Equal(it.When.Start)
	return it
}

func fieldsOf(e *api.Event, calendarZone string) calendar.Fields {
	f := calendar.Fields{
		UID: e.ICalUID, Title: e.Summary, Description: e.Description,
		HTML: strings.Contains(e.Description, "<"), Location: e.Location,
		When: whenOf(e, calendarZone), Status: calendar.Confirmed,
		NotMeeting: e.EventType == "workingLocation" || e.EventType == "birthday",
		Free:       e.Transparency == "transparent",
		Private:    e.Visibility == "private" || e.Visibility == "confidential",
		Recurrence: e.Recurrence, Candidates: candidatesOf(e), Link: e.HtmlLink,
		OwnStatus: e.Status, Offsets: offsetsOf(e),
	}
	if e.Status == "tentative" {
		f.Status = calendar.Tentative
	}
	if o := e.Organizer; o != nil {
		f.Organizer = calendar.Person{Email: o.Email, Name: o.DisplayName, Organizer: true, Self: o.Self}
	}
	for _, a := range e.Attendees {
		if a == nil {
			continue
		}
		f.Attendees = append(f.Attendees, calendar.Person{
			Email: a.Email, Name: a.DisplayName, Response: response(a.ResponseStatus), Organizer: a.Organizer, Self: a.Self,
		})
		// Not by comparing addresses: they have aliases (trap 69).
		f.Declined = f.Declined || (a.Self && a.ResponseStatus == "declined")
	}
	f.Created, _ = time.Parse(time.RFC3339, e.Created)
	f.Updated, _ = time.Parse(time.RFC3339, e.Updated)
	f.Created, f.Updated = f.Created.UTC(), f.Updated.UTC()
	return f
}

// offsetsOf are the offsets with which Google wrote the times.
func offsetsOf(e *api.Event) *calendar.Offsets {
	if e.Start == nil || e.End == nil || e.Start.DateTime == "" || e.End.DateTime == "" {
		return nil
	}
	start, serr := time.Parse(time.RFC3339, e.Start.DateTime)
	end, eerr := time.Parse(time.RFC3339, e.End.DateTime)
	if serr != nil || eerr != nil {
		return nil
	}
	_, from := start.Zone()
	_, to := end.Zone()
	if from == 0 && to == 0 {
		return nil
	}
	return &calendar.Offsets{Start: from, End: to}
}

func response(r string) string {
	switch r {
	case "accepted", "declined", "tentative":
		return r
	}
	return "needsAction"
}

// whenOf reads start and end. An end that is missing or before the start is
// tolerated (trap 45): the event lasts a day, or no time at all.
func whenOf(e *api.Event, calendarZone string) calendar.When {
	var w calendar.When
	if e.Start == nil {
		return w
	}
	var name string
	w.Start, name, w.AllDay, w.ZoneGuessed = pointOf(e.Start)
	if e.End != nil {
		end, _, allDay, _ := pointOf(e.End)
		if allDay == w.AllDay {
			w.End = end
		}
	}
	if w.AllDay {
		if !w.End.After(w.Start) {
			w.End = w.Start.AddDate(0, 0, 1)
		}
		return w
	}
	if w.End.Before(w.Start) {
		w.End = w.Start
	}
	for _, n := range []string{name, calendarZone} {
		if z := zone.Resolve(n); n != "" && !z.Guessed {
			w.Zone = z.Name
			break
		}
	}
	return w
}

// pointOf reads a date as midnight UTC, and a time as an instant with the name
// of its zone. A time without an offset, which no answer should have, is read
// in its zone; guessed says that this zone is unknown.
func pointOf(p *api.EventDateTime) (at time.Time, name string, allDay, guessed bool) {
	if p.DateTime == "" {
		at, err := time.Parse(time.DateOnly, p.Date)
		return at, "", err == nil, false
	}
	if at, err := time.Parse(time.RFC3339, p.DateTime); err == nil {
		return at.UTC(), p.TimeZone, false, false
	}
	z := zone.Resolve(p.TimeZone)
	at, _ = time.ParseInLocation("2006-01-02T15:04:05", p.DateTime, z.Loc)
	return at.UTC(), p.TimeZone, false, z.Guessed || p.TimeZone == ""
}

// candidatesOf lists the places in which a meeting URL may stand. The platform
// is left to the URL: add-ons for Zoom and Teams all have the type "addOn".
func candidatesOf(e *api.Event) []calendar.Candidate {
	var out []calendar.Candidate
	seen := map[string]bool{}
	add := func(s calendar.Source, text string, auto bool) {
		if text = strings.TrimSpace(text); text != "" && !seen[text] {
			seen[text] = true
			out = append(out, calendar.Candidate{Source: s, Text: text, Auto: auto})
		}
	}
	if d := e.ConferenceData; d != nil {
		// Google adds a Meet link to events by itself.
		auto := d.ConferenceSolution != nil && d.ConferenceSolution.Key != nil && d.ConferenceSolution.Key.Type == "hangoutsMeet"
		for _, p := range d.EntryPoints {
			if p != nil && p.EntryPointType == "video" {
				add(calendar.FromConference, p.Uri, auto)
			}
		}
	}
	add(calendar.FromConference, e.HangoutLink, true)
	add(calendar.FromLocation, e.Location, false)
	add(calendar.FromBody, e.Description, false)
	if x := e.ExtendedProperties; x != nil {
		for _, m := range []map[string]string{x.Shared, x.Private} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				if strings.Contains(m[k], "://") {
					add(calendar.FromExtended, m[k], false)
				}
			}
		}
	}
	if e.Source != nil {
		add(calendar.FromExtended, e.Source.Url, false)
	}
	add(calendar.FromTitle, e.Summary, false)
	return out
}
