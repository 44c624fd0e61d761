package microsoft

import (
	"strings"
	"time"

	"steno/internal/calendar"
)

// itemOf brings a row into the shape that all services share.
func itemOf(r row) calendar.Item {
	it := calendar.Item{ID: r.ID, SeriesID: r.MasterID.v}
	if r.removed() {
		it.Kind, it.Status = calendar.Tombstone, calendar.Cancelled
		it.SeriesID = ""
		return it
	}
	switch {
	case r.Type == "seriesMaster":
		it.Kind, it.SeriesID = calendar.Master, ""
	case it.SeriesID != "" || r.Type == "occurrence" || r.Type == "exception":
		it.Kind = calendar.Occurrence
	default:
		it.Kind = calendar.Single
	}
	it.Exception, it.Bare = r.Type == "exception", r.bare()
	if it.Bare {
		it.Fields = calendar.Fields{When: r.when(), Status: calendar.Confirmed}
	} else {
		it.Fields = fieldsOf(r)
	}
	it.Slot, it.SlotAllDay = slotOf(r)
	if it.Kind != calendar.Occurrence {
		it.Slot, it.SlotAllDay = time.Time{}, false
	}
	it.Raw = r.raw
	return it
}

// slotOf reads originalStart, an instant.
func slotOf(r row) (time.Time, bool) {
	at, err := time.Parse(time.RFC3339Nano, r.Original.v)
	if err != nil {
		return time.Time{}, false
	}
	if r.AllDay.v {
		d := whenOf(dateTime{DateTime: r.Original.v}, dateTime{DateTime: r.Original.v}, true, r.StartZone.v)
		return d.Start, true
	}
	return at.UTC(), false
}

func fieldsOf(r row) calendar.Fields {
	f := calendar.Fields{
		UID: r.UID.v, Title: r.Subject.v, Description: r.Body.v.Content,
		HTML: strings.EqualFold(r.Body.v.Type, "html"), Location: r.Location.v.Name,
		When: r.when(), Status: statusOf(r),
		// The owner's own answer, not that of who has the same address (trap 69).
		Declined: r.Response.v.Response == "declined",
		Free:     r.ShowAs.v == "free",
		Private:  r.Sensitivity.v == "private" || r.Sensitivity.v == "confidential",
		Link:     r.Link.v, Candidates: candidatesOf(r), OwnStatus: r.ShowAs.v,
	}
	if a := r.Organizer.v.Address; a != (address{}) {
		f.Organizer = calendar.Person{Email: a.Address, Name: a.Name, Organizer: true, Self: r.IsOrganizer.v}
	}
	for _, a := range r.Attendees.v {
		f.Attendees = append(f.Attendees, calendar.Person{
			Email: a.Address.Address, Name: a.Address.Name, Response: answerOf(a.Status.Response),
			Organizer: a.Status.Response == "organizer" || (a.Address.Address != "" && strings.EqualFold(a.Address.Address, f.Organizer.Email)),
		})
	}
	if len(r.Recurrence) > 0 && string(r.Recurrence) != "null" {
		f.Recurrence = []string{string(r.Recurrence)}
	}
	f.Created, f.Updated = instant(r.Created.v), instant(r.Updated.v)
	return f
}

// statusOf: an organizer's cancelled event is removed, the copy of an attendee
// stays and says so (trap 33).
func statusOf(r row) calendar.Status {
	switch {
	case r.Cancelled.v:
		return calendar.Cancelled
	case r.ShowAs.v == "tentative" || r.Response.v.Response == "tentativelyAccepted":
		return calendar.Tentative
	}
	return calendar.Confirmed
}

func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// candidatesOf lists the places in which a meeting URL may stand. Zoom's add-in
// for Outlook writes it into the location.
func candidatesOf(r row) []calendar.Candidate {
	var out []calendar.Candidate
	seen := map[string]bool{}
	add := func(s calendar.Source, text string) {
		if text = strings.TrimSpace(text); text != "" && !seen[text] {
			seen[text] = true
			out = append(out, calendar.Candidate{Source: s, Text: text})
		}
	}
	add(calendar.FromConference, r.Online.v.JoinURL)
	add(calendar.FromConference, r.OnlineURL.v)
	for _, l := range append([]location{r.Location.v}, r.Locations.v...) {
		add(calendar.FromLocation, l.Name)
		add(calendar.FromLocation, l.URI)
	}
	add(calendar.FromBody, r.Body.v.Content)
	add(calendar.FromTitle, r.Subject.v)
	return out
}

// inherit gives an exception what it left out of its master's fields: rows may
// omit what is unchanged (trap 66). What is there but null was taken out.
func inherit(r row, master row) row {
	take := func(missing bool, set func()) {
		if missing {
			set()
		}
	}
	e, m := &r.event, &master.event
	take(!e.Subject.there, func() { e.Subject = m.Subject })
	take(!e.Body.there, func() { e.Body = m.Body })
	take(!e.UID.there, func() { e.UID = m.UID })
	take(!e.AllDay.there, func() { e.AllDay = m.AllDay })
	take(!e.StartZone.there, func() { e.StartZone = m.StartZone })
	take(!e.IsOrganizer.there, func() { e.IsOrganizer = m.IsOrganizer })
	take(!e.Response.there, func() { e.Response = m.Response })
	take(!e.ShowAs.there, func() { e.ShowAs = m.ShowAs })
	take(!e.Sensitivity.there, func() { e.Sensitivity = m.Sensitivity })
	take(!e.Organizer.there, func() { e.Organizer = m.Organizer })
	take(!e.Attendees.there, func() { e.Attendees = m.Attendees })
	take(!e.Location.there && !e.Locations.there, func() { e.Location, e.Locations = m.Location, m.Locations })
	take(!e.Online.there, func() { e.Online = m.Online })
	take(!e.OnlineURL.there, func() { e.OnlineURL = m.OnlineURL })
	take(!e.IsOnline.there, func() { e.IsOnline = m.IsOnline })
	take(!e.Link.there, func() { e.Link = m.Link })
	take(!e.Created.there, func() { e.Created = m.Created })
	take(!e.Updated.there, func() { e.Updated = m.Updated })
	return r
}

// incomplete: an exception that left something out.
func (r row) incomplete() bool {
	return r.Type == "exception" && !r.removed() && (!r.Subject.there || !r.AllDay.there || !r.Organizer.there || !r.Body.there)
}
