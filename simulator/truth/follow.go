package truth

import (
	"reflect"
	"slices"
)

// field is a set of the fields of a content.
type field uint16

const (
	fieldTime field = 1 << iota
	fieldTitle
	fieldBody
	fieldLocation
	fieldMeeting
	fieldAttendees
	fieldFlags
	fieldExtra
)

// differ tells which fields two contents differ in.
func differ(a, b *Content) field {
	var f field
	set := func(differs bool, bit field) {
		if differs {
			f |= bit
		}
	}
	set(!a.Start.Equal(b.Start) || !a.End.Equal(b.End) || a.AllDay != b.AllDay || a.Zone != b.Zone, fieldTime)
	set(a.Title != b.Title, fieldTitle)
	set(a.Body != b.Body || a.HTML != b.HTML, fieldBody)
	set(a.Location != b.Location, fieldLocation)
	set(a.MeetingURL != b.MeetingURL || a.MeetingKind != b.MeetingKind, fieldMeeting)
	set(a.Organizer != b.Organizer || !slices.Equal(a.Attendees, b.Attendees), fieldAttendees)
	set(a.Free != b.Free || a.Private != b.Private || a.Unsure != b.Unsure || a.CalledOff != b.CalledOff, fieldFlags)
	set(!reflect.DeepEqual(a.Extra, b.Extra), fieldExtra)
	return f
}

// follow gives an exception what changed in its series and is not its own.
func follow(e *Exception, old, series *Content) (next *Content, changed bool) {
	f := differ(old, series) &^ e.own
	n := e.Content.clone()
	src := series.clone()
	if f&fieldTime != 0 {
		// The slot is still there, or the exception would be an orphan; only
		// the length can have changed.
		n.Start, n.Zone = e.Original, src.Zone
		n.End = n.Start.Add(src.End.Sub(src.Start))
	}
	if f&fieldTitle != 0 {
		n.Title = src.Title
	}
	if f&fieldBody != 0 {
		n.Body, n.HTML = src.Body, src.HTML
	}
	if f&fieldLocation != 0 {
		n.Location = src.Location
	}
	if f&fieldMeeting != 0 {
		n.MeetingURL, n.MeetingKind = src.MeetingURL, src.MeetingKind
	}
	if f&fieldAttendees != 0 {
		n.Organizer, n.Attendees = src.Organizer, src.Attendees
	}
	if f&fieldFlags != 0 {
		n.Free, n.Private, n.Unsure, n.CalledOff = src.Free, src.Private, src.Unsure, src.CalledOff
	}
	if f&fieldExtra != 0 {
		n.Extra = src.Extra
	}
	return &n, f != 0
}

// follow moves the rule's end as its series moves on the clock.
func (r *Rule) follow(old, series *Content) {
	if r == nil || r.Until.IsZero() || old.AllDay || series.AllDay {
		return
	}
	from, to := mustLocation(old.Zone), mustLocation(series.Zone)
	oldDate, oldClock := civil(old.Start, from)
	date, clock := civil(series.Start, to)
	end, at := civil(r.Until, from)
	r.Until = wall(end.Add(date.Sub(oldDate)), at+clock-oldClock, to)
}

// Inherits tells which fields the exception has from its series.
func (e *Exception) Inherits(title, body, location *bool) {
	*title = e.own&fieldTitle == 0
	*body = e.own&fieldBody == 0
	*location = e.own&fieldLocation == 0
}
