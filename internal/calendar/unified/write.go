package unified

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/mail"
	"strings"
	"time"

	"steno/internal/calendar"
	"steno/internal/calendar/rrule"
	"steno/internal/clock"
	"steno/internal/fail"
)

// Bounds of what is written.
const (
	maxTitle       = 1024
	maxDescription = 64 << 10
	maxLocation    = 1024
	maxAttendees   = 300
)

// Scope says how much of a series a change is about.
type Scope string

// The scopes. The empty one is This for an occurrence and All for a series.
const (
	This      Scope = "this"
	Following Scope = "following"
	All       Scope = "all"
)

// Draft is an event that is to be made, or changed. nil leaves a field as it is.
type Draft struct {
	Title, Description, Location *string
	Start, End                   *Moment
	// Zone is the IANA zone in which a series keeps its hour; empty: that of the
	// series, or of the calendar.
	Zone      string
	Attendees *[]calendar.Person
	// Recurrence are RRULE, RDATE and EXDATE lines.
	Recurrence []string
	Conference bool // the service's own online meeting
}

// Moment is a time, or a date.
type Moment struct {
	At   time.Time
	Date bool // At is midnight UTC of it
	// Floating: no offset was given; it is read in the zone of the event.
	Floating bool
}

// NewEvent asks for an event.
type NewEvent struct {
	Provider   calendar.Platform
	CalendarID string // ours; empty: the preferred calendar of the provider, or the oldest
	Draft
}

// Create makes an event. key is the caller's own for this request, or empty.
func (s *Service) Create(ctx context.Context, team, key string, n NewEvent) (Event, error) {
	if err := n.check(true); err != nil {
		return Event{}, err
	}
	return s.once(ctx, team, key, n, func(ctx context.Context, requestID string, _ bool) (Event, error) {
		c, err := s.target(ctx, team, n.Provider, n.CalendarID)
		if err != nil {
			return Event{}, err
		}
		when, err := n.when(c, calendar.When{})
		if err != nil {
			return Event{}, err
		}
		ch := n.change(requestID)
		ch.When, ch.InZone = &when, len(n.Recurrence) > 0
		if ch.Attendees != nil && c.Platform == calendar.Google {
			ch.Attendees = withOwner(*ch.Attendees, c)
		}
		return s.write(ctx, team, c, func(ctx context.Context, acc calendar.Account) (calendar.Item, []calendar.Item, error) {
			it, err := acc.Create(ctx, c.RawID, ch)
			return it, []calendar.Item{it}, err
		})
	})
}

// withOwner puts the owner of the calendar first among those who meet, as the
// service's own pages do.
func withOwner(people []calendar.Person, c calendar.Connection) *[]calendar.Person {
	if len(people) == 0 || c.Email == "" {
		return &people
	}
	for _, p := range people {
		if strings.EqualFold(p.Email, c.Email) {
			return &people
		}
	}
	all := append([]calendar.Person{{Email: c.Email, Response: "accepted"}}, people...)
	return &all
}

// target is the calendar in which an event is made.
func (s *Service) target(ctx context.Context, team string, p calendar.Platform, id string) (calendar.Connection, error) {
	conns, err := s.active(ctx, team, p)
	if err != nil || id == "" {
		if err != nil {
			return calendar.Connection{}, err
		}
		return conns[0], nil
	}
	for _, c := range conns {
		if c.ID == id {
			return c, nil
		}
	}
	return calendar.Connection{}, fail.New(fail.NotFound, CodeNoCalendar, "calendarId: no active calendar of %s with this id is connected; GET /v2/calendars lists them", p)
}

// write makes a change through the engine and returns the event as it is then.
func (s *Service) write(ctx context.Context, team string, c calendar.Connection, do func(ctx context.Context, acc calendar.Account) (calendar.Item, []calendar.Item, error)) (Event, error) {
	ctx, cancel := s.soon(ctx)
	defer cancel()
	var e Event
	err := s.Engine.Write(ctx, team, c.ID, func(ctx context.Context, acc calendar.Account, _ calendar.Connection) ([]calendar.Item, error) {
		it, items, err := do(ctx, acc)
		if err == nil {
			e = ofItem(it, c)
		}
		return items, err
	})
	// Also after a failure: something may have been done.
	forget := s.Store.Forget(context.WithoutCancel(ctx), team, c.ID)
	if err != nil {
		return Event{}, s.failed(c, err)
	}
	return e, forget
}

// Update changes an event, an occurrence, or a series from there on or as a
// whole. key is the caller's own for this request, or empty.
func (s *Service) Update(ctx context.Context, team, key string, p calendar.Platform, id string, scope Scope, d Draft) (Event, error) {
	if err := d.check(false); err != nil {
		return Event{}, err
	}
	if err := scope.check(); err != nil {
		return Event{}, err
	}
	return s.once(ctx, team, key, alteration{"update", p, id, scope, &d}, func(ctx context.Context, _ string, _ bool) (Event, error) {
		return s.update(ctx, team, p, id, scope, d)
	})
}

func (s *Service) update(ctx context.Context, team string, p calendar.Platform, id string, scope Scope, d Draft) (Event, error) {
	f, err := s.find(ctx, team, p, id, true)
	if err != nil {
		return Event{}, err
	}
	scope = scope.of(*f.item)
	if scope == This && d.Recurrence != nil {
		return Event{}, fail.New(fail.Invalid, CodeValidation, "recurrence: can be changed with scope=following or scope=all of a series only")
	}
	if scope == This {
		return s.updateOne(ctx, team, f, d)
	}
	return s.updateSeries(ctx, team, f, scope, d)
}

func (s Scope) check() error {
	switch s {
	case "", This, Following, All:
		return nil
	}
	return fail.New(fail.Invalid, CodeValidation, "scope: must be this, following or all")
}

// of is the scope that is meant for an item.
func (s Scope) of(it calendar.Item) Scope {
	switch {
	case it.Kind == calendar.Single:
		return This
	case it.Kind == calendar.Master:
		return All // from the first occurrence on
	case s == "":
		return This
	}
	return s
}

func (s *Service) updateOne(ctx context.Context, team string, f found, d Draft) (Event, error) {
	ch := d.change("")
	if d.Start != nil || d.End != nil {
		w, err := d.when(f.conn, f.item.When)
		if err != nil {
			return Event{}, err
		}
		ch.When = &w
	}
	ch.RequestID = repeatable(f, "conference")
	return s.write(ctx, team, f.conn, func(ctx context.Context, acc calendar.Account) (calendar.Item, []calendar.Item, error) {
		it, err := acc.Patch(ctx, f.conn.RawID, f.item.ID, ch)
		if err == nil && it.SeriesID == "" {
			it.SeriesID = f.item.SeriesID
		}
		return it, []calendar.Item{it}, err
	})
}

// updateSeries changes a series as a whole, or from an occurrence on: then the
// series ends before it, and a new one goes on.
func (s *Service) updateSeries(ctx context.Context, team string, f found, scope Scope, d Draft) (Event, error) {
	return s.write(ctx, team, f.conn, func(ctx context.Context, acc calendar.Account) (calendar.Item, []calendar.Item, error) {
		master, err := s.masterOf(ctx, acc, f)
		if err != nil {
			return calendar.Item{}, nil, err
		}
		ch := d.change(repeatable(f, "series "+master.Updated.String()))
		ch.InZone = true
		if err := d.move(&ch, f, master, scope); err != nil {
			return calendar.Item{}, nil, err
		}
		if scope == All || isFirst(*f.item, master) {
			it, err := acc.Patch(ctx, f.conn.RawID, master.ID, ch)
			if err != nil {
				return it, nil, err
			}
			if ch.When == nil { // a change of the master says nothing of its time
				it.When = master.When
			}
			return it, []calendar.Item{it}, nil
		}
		// First the new one, then the end of the old: who is interrupted between
		// has meetings twice and not none, and a repetition puts it right.
		next, err := acc.Continue(ctx, f.conn.RawID, *f.item, ch)
		if err != nil {
			return calendar.Item{}, nil, err
		}
		next.Kind = calendar.Master
		old, err := acc.EndBefore(ctx, f.conn.RawID, *f.item)
		if err != nil {
			return calendar.Item{}, []calendar.Item{next}, err
		}
		old.Kind = calendar.Master
		return next, []calendar.Item{old, next}, nil
	})
}

// masterOf is the series of what was found.
func (s *Service) masterOf(ctx context.Context, acc calendar.Account, f found) (calendar.Item, error) {
	if f.item.Kind == calendar.Master {
		return *f.item, nil
	}
	m, err := acc.Event(ctx, f.conn.RawID, f.item.SeriesID)
	m.Kind = calendar.Master
	return m, err
}

// isFirst reports whether an occurrence is the first of its series.
func isFirst(it, master calendar.Item) bool {
	return it.Kind == calendar.Master || !it.Slot.After(master.When.Start)
}

// move sets the times of a changed series. What is given is the new time of the
// occurrence that was named; all others move as far, on the clock of the
// series' zone.
func (d Draft) move(ch *calendar.Change, f found, master calendar.Item, scope Scope) error {
	zone := master.When.Zone
	if d.Zone != "" {
		zone = d.Zone
	}
	if d.Start == nil && d.End == nil {
		if ch.Recurrence != nil && (scope == All || isFirst(*f.item, master)) {
			w := master.When
			w.Zone = zone
			ch.When = &w
		}
		return nil
	}
	w, err := d.when(f.conn, f.item.When)
	if err != nil {
		return err
	}
	w.Zone = zone
	if w.AllDay != f.item.When.AllDay {
		return fail.New(fail.Invalid, CodeValidation, "startTime: a series cannot be turned from times to whole days, or back; delete it and make a new one")
	}
	loc, err := clock.Zone(zone)
	if err != nil || w.AllDay {
		loc = time.UTC
	}
	was := f.item.When.Start
	if scope == Following && !f.item.Slot.IsZero() {
		was = f.item.Slot
	}
	by := onClock(w.Start, loc).Sub(onClock(was, loc))
	if onClock(w.Start, loc).Format(time.DateOnly) != onClock(was, loc).Format(time.DateOnly) && d.Recurrence == nil {
		return fail.New(fail.Invalid, CodeRecurrence, "startTime: to move a series to another day, send the recurrence that it is to have, too")
	}
	if scope == Following && !isFirst(*f.item, master) {
		ch.When = &w
		return nil
	}
	// The first occurrence moves as far as the one that was named.
	first := onClock(master.When.Start, loc).Add(by)
	start := time.Date(first.Year(), first.Month(), first.Day(), first.Hour(), first.Minute(), first.Second(), 0, loc).UTC()
	ch.When = &calendar.When{Start: start, End: start.Add(w.End.Sub(w.Start)), AllDay: w.AllDay, Zone: zone}
	if ch.Recurrence == nil && f.conn.Platform == calendar.Google {
		if set, err := rrule.Parse(master.Recurrence); err == nil && !w.AllDay {
			set.Shift(start.Sub(master.When.Start))
			ch.Recurrence = set.Lines()
		}
	}
	return nil
}

// repeatable makes the same request id of the same change, so that one that was
// interrupted can be made again.
func repeatable(f found, what string) string {
	sum := sha256.Sum256([]byte(f.conn.ID + "\n" + f.item.ID + "\n" + what))
	h := hex.EncodeToString(sum[:16])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Delete removes an event, an occurrence, or a series from there on or as a
// whole. key is the caller's own for this request, or empty.
func (s *Service) Delete(ctx context.Context, team, key string, p calendar.Platform, id string, scope Scope) error {
	if err := scope.check(); err != nil {
		return err
	}
	_, err := s.once(ctx, team, key, alteration{"delete", p, id, scope, nil}, func(ctx context.Context, _ string, again bool) (Event, error) {
		err := s.remove(ctx, team, p, id, scope)
		if again && fail.Is(err, fail.NotFound) {
			err = nil // an earlier try has done it
		}
		return Event{}, err
	})
	return err
}

func (s *Service) remove(ctx context.Context, team string, p calendar.Platform, id string, scope Scope) error {
	f, err := s.find(ctx, team, p, id, true)
	if err != nil {
		return err
	}
	scope = scope.of(*f.item)
	_, err = s.write(ctx, team, f.conn, func(ctx context.Context, acc calendar.Account) (it calendar.Item, done []calendar.Item, err error) {
		target := f.item.ID
		if scope != This {
			master, err := s.masterOf(ctx, acc, f)
			if err != nil {
				return it, nil, err
			}
			if scope == Following && !isFirst(*f.item, master) {
				old, err := acc.EndBefore(ctx, f.conn.RawID, *f.item)
				old.Kind = calendar.Master
				if err != nil {
					return it, nil, err
				}
				return it, []calendar.Item{old}, nil
			}
			target = master.ID
		}
		if err := acc.Delete(ctx, f.conn.RawID, target); err != nil {
			return it, nil, err
		}
		if f.item.Kind == calendar.Occurrence && target == f.item.ID {
			return it, []calendar.Item{{Kind: calendar.CancelledSlot, ID: target, SeriesID: f.item.SeriesID}}, nil
		}
		return it, []calendar.Item{{Kind: calendar.Tombstone, ID: target}}, nil
	})
	return err
}

// change is the draft as services take it.
func (d Draft) change(requestID string) calendar.Change {
	return calendar.Change{
		RequestID: requestID, Title: d.Title, Description: d.Description, Location: d.Location, Attendees: d.Attendees,
		Recurrence: d.Recurrence, Conference: d.Conference, Notify: true,
	}
}

// when is the time that a draft asks for, with what it leaves as it is.
func (d Draft) when(c calendar.Connection, old calendar.When) (calendar.When, error) {
	w := old
	switch {
	case d.Zone != "":
		w.Zone = d.Zone
	case w.Zone == "" && len(d.Recurrence) > 0:
		w.Zone = c.TimeZone
	}
	if w.Zone == "" {
		w.Zone = "UTC"
	}
	loc, err := clock.Zone(w.Zone)
	if err != nil {
		return w, fail.New(fail.Invalid, CodeValidation, "timeZone: %q is not known; use an IANA name such as Europe/Berlin", short(w.Zone))
	}
	if d.Start != nil && d.End != nil && d.Start.Date != d.End.Date {
		return w, fail.New(fail.Invalid, CodeValidation, "endTime: startTime and endTime must both be dates, for an all-day event, or both be times")
	}
	for to, from := range map[*time.Time]*Moment{&w.Start: d.Start, &w.End: d.End} {
		if from == nil {
			continue
		}
		if (d.Start == nil || d.End == nil) && from.Date != old.AllDay {
			return w, fail.New(fail.Invalid, CodeValidation, "startTime: to turn times into whole days, or back, send both startTime and endTime")
		}
		w.AllDay = from.Date
		if *to = from.At; from.Floating && !from.Date {
			*to = time.Date(from.At.Year(), from.At.Month(), from.At.Day(), from.At.Hour(), from.At.Minute(), from.At.Second(), 0, loc).UTC()
		}
	}
	if w.AllDay {
		w.Zone = ""
	}
	if !w.End.After(w.Start) {
		if w.AllDay {
			return w, fail.New(fail.Invalid, CodeValidation, "endTime: must be after startTime; the end of an all-day event is the day after its last")
		}
		return w, fail.New(fail.Invalid, CodeValidation, "endTime: must be after startTime")
	}
	return w, nil
}

// check holds a draft against what needs no calendar to be told.
func (d Draft) check(whole bool) error {
	bad := func(format string, args ...any) error { return fail.New(fail.Invalid, CodeValidation, format, args...) }
	switch {
	case whole && (d.Title == nil || strings.TrimSpace(*d.Title) == ""):
		return bad("title: is required; say what the event is about")
	case d.Title != nil && strings.TrimSpace(*d.Title) == "":
		return bad("title: must not be empty; leave it out to keep the present one")
	case whole && d.Start == nil:
		return bad("startTime: is required, in ISO 8601, such as 2026-03-21T15:00:00Z")
	case whole && d.End == nil:
		return bad("endTime: is required, in ISO 8601, such as 2026-03-21T15:30:00Z")
	case d.Title != nil && len(*d.Title) > maxTitle:
		return bad("title: must have at most %d bytes", maxTitle)
	case d.Description != nil && len(*d.Description) > maxDescription:
		return bad("description: must have at most %d bytes", maxDescription)
	case d.Location != nil && len(*d.Location) > maxLocation:
		return bad("location: must have at most %d bytes", maxLocation)
	case d.Attendees != nil && len(*d.Attendees) > maxAttendees:
		return bad("attendees: must be at most %d", maxAttendees)
	}
	if d.Attendees != nil {
		for i, p := range *d.Attendees {
			if a, err := mail.ParseAddress(p.Email); err != nil || a.Address != p.Email {
				return bad("attendees[%d].email: must be an e-mail address", i)
			}
		}
	}
	if d.Recurrence != nil {
		set, err := rrule.Parse(d.Recurrence)
		if err != nil {
			return bad("recurrence: %s", err)
		}
		if d.Start != nil && !set.Until.IsZero() && set.Until.Before(d.Start.At.Add(-24*time.Hour)) {
			return bad("recurrence: UNTIL lies before startTime")
		}
	}
	if d.Zone != "" {
		if _, err := clock.Zone(d.Zone); err != nil || strings.EqualFold(d.Zone, "local") {
			return errors.Join(bad("timeZone: %q is not known; use an IANA name such as Europe/Berlin", short(d.Zone)))
		}
	}
	return nil
}
