package truth

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Shake does one thing at random that people do to their calendars, somewhere
// between two moments, and says what. The same generator on the same calendar
// does the same.
func (c *Calendar) Shake(rng *rand.Rand, from, to time.Time) string {
	ids := c.IDs()
	if len(ids) == 0 || rng.IntN(5) == 0 {
		return c.shakeAdd(rng, from, to)
	}
	id := ids[rng.IntN(len(ids))]
	slots := c.Slots(id, from, to)
	if len(slots) > 0 && rng.IntN(2) == 0 {
		return c.shakeSlot(rng, id, slots[rng.IntN(len(slots))])
	}
	switch rng.IntN(7) {
	case 0:
		return said("delete %s", c.Delete(id), id)
	case 1:
		zone := []string{"Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"}[rng.IntN(4)]
		return said("zone of %s to %s", c.Rezone(id, zone), id, zone)
	case 2:
		return said("decline %s", c.Respond(id, Declined), id)
	case 3:
		return said("accept %s", c.Respond(id, Accepted), id)
	case 4:
		by := time.Duration(rng.IntN(9)-4) * 30 * time.Minute
		return said("move %s by %v", c.Edit(id, shift(by)), id, by)
	case 5:
		return said("touch %s", c.Touch(id), id)
	}
	title := fmt.Sprint("title ", rng.IntN(1000))
	return said("%s is now %q", c.Edit(id, func(x *Content) { x.Title = title }), id, title)
}

func said(format string, err error, args ...any) string {
	s := fmt.Sprintf(format, args...)
	if err != nil {
		s += ": " + err.Error()
	}
	return s
}

// shift moves an event; dates by whole days.
func shift(by time.Duration) func(*Content) {
	return func(x *Content) {
		if x.AllDay {
			by = by / (30 * time.Minute) * day
		}
		x.Start, x.End = x.Start.Add(by), x.End.Add(by)
	}
}

func (c *Calendar) shakeAdd(rng *rand.Rand, from, to time.Time) string {
	hours := int(to.Sub(from) / time.Hour)
	at := from.Add(time.Duration(rng.IntN(hours*2)-hours/2) * time.Hour).Truncate(time.Hour)
	e := Event{Content: Content{Title: fmt.Sprint("event ", rng.IntN(1000)), Start: at, End: at.Add(time.Duration(1+rng.IntN(6)) * 30 * time.Minute),
		Zone: []string{"", "Europe/Berlin", "America/New_York"}[rng.IntN(3)]}}
	if rng.IntN(6) == 0 {
		e.AllDay, e.Start = true, at.Truncate(day)
		e.End = e.Start.AddDate(0, 0, 1+rng.IntN(2))
	}
	if rng.IntN(2) == 0 {
		e.Rule = &Rule{Freq: []Freq{Daily, Weekly, Weekly, Monthly}[rng.IntN(4)], Interval: 1 + rng.IntN(2)}
		if rng.IntN(3) == 0 {
			e.Rule.Count = 2 + rng.IntN(8)
		}
	}
	id, err := c.Add(e)
	return said("add %s at %v, rule %+v", err, id, at, e.Rule)
}

func (c *Calendar) shakeSlot(rng *rand.Rand, id string, o Occurrence) string {
	switch rng.IntN(5) {
	case 0:
		return said("cancel %s of %s", c.CancelSlot(id, o.Slot), o.Slot, id)
	case 1:
		by := time.Duration(rng.IntN(200)-100) * 30 * time.Minute
		return said("move %s of %s by %v", c.EditSlot(id, o.Slot, shift(by)), o.Slot, id, by)
	case 2:
		_, err := c.Split(id, o.Slot, shift(time.Duration(rng.IntN(3))*30*time.Minute))
		return said("cut %s at %s", err, id, o.Slot)
	case 3:
		return said("decline %s of %s", c.RespondSlot(id, o.Slot, Declined), o.Slot, id)
	}
	title := fmt.Sprint("slot ", rng.IntN(1000))
	return said("%s of %s is now %q", c.EditSlot(id, o.Slot, func(x *Content) { x.Title = title }), o.Slot, id, title)
}
