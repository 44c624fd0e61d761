package truth

import (
	"slices"
	"strings"
	"time"
)

// SlotOf names the slot of an occurrence: where it would be if nobody had
// moved it. It is the start in UTC, or the date.
func SlotOf(original time.Time, allDay bool) string {
	if allDay {
		return original.Format("20060102")
	}
	return original.UTC().Format("20060102T150405Z")
}

// ParseSlot undoes SlotOf.
func ParseSlot(slot string) (original time.Time, allDay bool, err error) {
	if len(slot) == len("20060102") {
		original, err = time.Parse("20060102", slot)
		return original, true, err
	}
	original, err = time.Parse("20060102T150405Z", slot)
	return original, false, err
}

// Occurrence is an event as it stands at one time.
type Occurrence struct {
	ItemID   string    `json:"item_id"`
	Slot     string    `json:"slot,omitempty"` // "" for a single event
	Original time.Time `json:"original,omitzero"`
	Start    time.Time `json:"start"`
	End      time.Time `json:"end"`
	AllDay   bool      `json:"all_day,omitempty"`
	// Exception: it was changed on its own.
	Exception bool     `json:"exception,omitempty"`
	Cancelled bool     `json:"cancelled,omitempty"`
	Content   *Content `json:"content"`
	// Response is the calendar owner's answer.
	Response Response `json:"response"`
	Item     *Item    `json:"-"`
}

// slots yields the slots of a series from a moment on, in order, exceptions and
// skipped ones included. It must be called with the lock held.
func (it *Item) slots(from time.Time, yield func(original time.Time) bool) {
	c, r := it.Content, it.Rule
	loc, err := location(c.Zone)
	if err != nil || c.AllDay {
		loc = time.UTC
	}
	date, clock := civil(c.Start, loc)
	near := from.Add(-2 * day)
	if r.Count > 0 {
		near = date // has to be counted from the beginning
	}
	n := 0
	r.dates(date, near, func(d time.Time) bool {
		start := d
		if !c.AllDay {
			start = wall(d, clock, loc)
		}
		if !r.Until.IsZero() && start.After(r.Until) {
			return false
		}
		n++
		if r.Count > 0 && n > r.Count {
			return false
		}
		return start.Before(from) || yield(start)
	})
}

// hasSlot tells that the series has the slot.
func (it *Item) hasSlot(original time.Time) bool {
	found := false
	it.slots(original, func(o time.Time) bool {
		found = o.Equal(original)
		return false
	})
	return found && !it.Skipped[SlotOf(original, it.Content.AllDay)]
}

// Window is the stretch of time that Expand looks at.
type Window struct {
	From, To time.Time // a zero To means: without end
	// Zone is where all-day events begin at midnight; nil: each in its own.
	Zone *time.Location
	// Cancelled: cancelled occurrences, too.
	Cancelled bool
}

// overlaps tells that something is at least partly in the window: it ends after
// From and starts before To. What has no length counts where it starts.
func (w *Window) overlaps(start, end time.Time, allDay bool, own string) bool {
	if allDay {
		zone := w.Zone
		if zone == nil {
			zone = mustLocation(own)
		}
		start, end = wall(start, 0, zone), wall(end, 0, zone)
	}
	return (end.After(w.From) || start.Equal(end) && !start.Before(w.From)) && (w.To.IsZero() || start.Before(w.To))
}

// Expand yields the occurrences of the item in the window, exceptions by where
// they really are: in the order of their slots, exceptions last. It must be
// called with the calendar's lock held, as View and Get do.
func (it *Item) Expand(owner string, w Window, yield func(Occurrence) bool) {
	if it.Deleted {
		return
	}
	if it.Rule == nil {
		c := it.Content
		if w.overlaps(c.Start, c.End, c.AllDay, c.Zone) {
			yield(Occurrence{ItemID: it.ID, Start: c.Start, End: c.End, AllDay: c.AllDay, Content: c, Response: c.ResponseOf(owner), Item: it})
		}
		return
	}
	length := it.Content.End.Sub(it.Content.Start)
	on := true
	it.slots(w.From.Add(-length-day), func(o time.Time) bool {
		if !w.To.IsZero() && !o.Before(w.To.Add(day)) {
			return false
		}
		slot := SlotOf(o, it.Content.AllDay)
		if it.Skipped[slot] || it.Exceptions[slot] != nil && !it.Exceptions[slot].Orphan {
			return true
		}
		if w.overlaps(o, o.Add(length), it.Content.AllDay, it.Content.Zone) {
			on = yield(Occurrence{ItemID: it.ID, Slot: slot, Original: o, Start: o, End: o.Add(length), AllDay: it.Content.AllDay,
				Content: it.Content, Response: it.Content.ResponseOf(owner), Item: it})
		}
		return on
	})
	for _, e := range it.exceptions() {
		if !on || e.Orphan || e.Cancelled && !w.Cancelled {
			continue
		}
		start, end, allDay := e.Content.Start, e.Content.End, e.Content.AllDay
		if e.Cancelled {
			start, end, allDay = e.Original, e.Original.Add(length), e.AllDay
		}
		if w.overlaps(start, end, allDay, e.Content.Zone) {
			on = yield(Occurrence{ItemID: it.ID, Slot: e.Slot, Original: e.Original, Start: start, End: end, AllDay: e.Content.AllDay,
				Exception: true, Cancelled: e.Cancelled, Content: e.Content, Response: e.Content.ResponseOf(owner), Item: it})
		}
	}
}

// exceptions returns the exceptions in the order of their slots.
func (it *Item) exceptions() []*Exception {
	if len(it.Exceptions) == 0 {
		return nil
	}
	list := make([]*Exception, 0, len(it.Exceptions))
	for _, e := range it.Exceptions {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b *Exception) int { return strings.Compare(a.Slot, b.Slot) })
	return list
}

// SortedExceptions returns the item's exceptions in the order of their slots,
// orphans included. The calendar's lock must be held.
func (it *Item) SortedExceptions() []*Exception { return it.exceptions() }

// At returns the occurrence of a slot, cancelled or not. The calendar's lock
// must be held.
func (it *Item) At(owner, slot string) (Occurrence, bool) {
	original, allDay, err := ParseSlot(slot)
	if err != nil || it.Rule == nil || it.Deleted {
		return Occurrence{}, false
	}
	if e := it.Exceptions[slot]; e != nil && !e.Orphan {
		return Occurrence{ItemID: it.ID, Slot: slot, Original: e.Original, Start: e.Content.Start, End: e.Content.End, AllDay: e.Content.AllDay,
			Exception: true, Cancelled: e.Cancelled, Content: e.Content, Response: e.Content.ResponseOf(owner), Item: it}, true
	}
	if allDay != it.Content.AllDay || !it.hasSlot(original) {
		return Occurrence{}, false
	}
	length := it.Content.End.Sub(it.Content.Start)
	return Occurrence{ItemID: it.ID, Slot: slot, Original: original, Start: original, End: original.Add(length), AllDay: allDay,
		Content: it.Content, Response: it.Content.ResponseOf(owner), Item: it}, true
}

// Location is the calendar's zone.
func (c *Calendar) Location() *time.Location { return mustLocation(c.Zone) }

func (c *Calendar) allDayZone() *time.Location {
	if c.book.OwnZone {
		return nil
	}
	return c.Location()
}

// Begins is the instant at which something starts or ends: all-day events at
// midnight in their own zone.
func Begins(t time.Time, allDay bool, zone string) time.Time {
	if !allDay {
		return t
	}
	return wall(t, 0, mustLocation(zone)).UTC()
}

func mustLocation(zone string) *time.Location {
	loc, err := location(zone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Occurrences is the oracle: all that stands in the calendar between two
// moments, ordered by start, id and slot. Cancelled occurrences are not in it,
// declined ones are. Of a series each occurrence has its own entry. All-day
// events begin at midnight in the calendar's zone (Google) or in their own
// (Microsoft).
func (c *Calendar) Occurrences(from, to time.Time) []Occurrence {
	c.mu.RLock()
	defer c.mu.RUnlock()
	w := Window{From: from, To: to, Zone: c.allDayZone()}
	var list []Occurrence
	for _, it := range c.items {
		it.Expand(c.Owner.Email, w, func(o Occurrence) bool {
			list = append(list, o)
			return true
		})
	}
	slices.SortFunc(list, func(a, b Occurrence) int {
		if n := a.Start.Compare(b.Start); n != 0 {
			return n
		}
		return strings.Compare(a.ItemID+a.Slot, b.ItemID+b.Slot)
	})
	return list
}
