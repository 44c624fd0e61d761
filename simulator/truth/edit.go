package truth

import (
	"fmt"
	"strings"
	"time"
)

// Event is what Add makes an item of.
type Event struct {
	Content
	ID    string // "": a new one
	UID   string // iCalUID; "": made of the id
	Rule  *Rule
	Skip  []time.Time // EXDATE
	Token string
}

// Add puts an event or a series into the calendar and returns its id.
func (c *Calendar) Add(e Event) (string, error) {
	if e.Zone == "" {
		e.Zone = c.Zone
	}
	if e.Organizer.Email == "" {
		e.Organizer = c.Owner
	}
	if err := e.check(); err != nil {
		return "", err
	}
	if e.Rule != nil {
		if err := e.Rule.Check(); err != nil {
			return "", fmt.Errorf("rule: %w", err)
		}
	}
	content := e.clone()
	it := &Item{ID: e.ID, UID: e.UID, Token: e.Token, Content: &content, Rule: e.Rule.clone()}
	for _, s := range e.Skip {
		if it.Skipped == nil {
			it.Skipped = map[string]bool{}
		}
		it.Skipped[SlotOf(s, e.AllDay)] = true
	}
	if it.ID == "" {
		it.ID = c.book.NewID()
	}
	if it.UID == "" {
		it.UID = it.ID + "@simulator"
	}
	now := c.book.Now()
	it.Created = now
	var change Change
	err := func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.byID[it.ID] != nil {
			return fmt.Errorf("there is an event %s already", it.ID)
		}
		it.Seq = int64(len(c.items)) + 1
		c.items = append(c.items, it)
		c.byID[it.ID] = it
		change = c.record(it, "", now)
		change.New = true
		return nil
	}()
	if err != nil {
		return "", err
	}
	c.tell(change)
	return it.ID, nil
}

// record writes a change into the history. The lock must be held.
func (c *Calendar) record(it *Item, slot string, now time.Time) Change {
	c.rev++
	it.Touched = c.rev
	if slot == "" {
		it.Rev, it.Updated = c.rev, now
	} else if e := it.Exceptions[slot]; e != nil {
		e.Rev, e.Updated = c.rev, now
	}
	change := Change{Rev: c.rev, Item: it, Slot: slot}
	c.log = append(c.log, change)
	return change
}

func (c *Calendar) tell(changes ...Change) {
	if c.book.OnChange == nil || len(changes) == 0 {
		return
	}
	c.book.OnChange(c, changes[len(changes)-1])
}

// change runs f on an item that is not deleted and tells of what it recorded.
func (c *Calendar) change(id string, f func(it *Item, now time.Time) ([]Change, error)) error {
	now := c.book.Now()
	c.mu.Lock()
	it := c.byID[id]
	if it == nil || it.Deleted || c.gone {
		c.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrNoItem, id)
	}
	changes, err := f(it, now)
	c.mu.Unlock()
	if err == nil {
		c.tell(changes...)
	}
	return err
}

// Edit changes a single event, or a series with all its occurrences: what an
// exception has not of its own follows. Exceptions whose slot is no more are
// lost. A series that ends by a date ends with the same slot as before.
func (c *Calendar) Edit(id string, edit func(*Content)) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		rule, old := it.Rule.clone(), it.Content
		return c.rewrite(it, now, func(x *Content) {
			edit(x)
			rule.follow(old, x)
		}, rule)
	})
}

// EditSeries is Edit with a change of the rule.
func (c *Calendar) EditSeries(id string, edit func(*Content, *Rule)) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		if it.Rule == nil {
			return nil, fmt.Errorf("%w: %s is no series", ErrNoSlot, id)
		}
		rule := it.Rule.clone()
		return c.rewrite(it, now, func(x *Content) { edit(x, rule) }, rule)
	})
}

func (c *Calendar) rewrite(it *Item, now time.Time, edit func(*Content), rule *Rule) ([]Change, error) {
	content := it.Content.clone()
	edit(&content)
	if err := content.check(); err != nil {
		return nil, err
	}
	if rule != nil {
		if err := rule.Check(); err != nil {
			return nil, fmt.Errorf("rule: %w", err)
		}
	}
	old := it.Content
	it.Content, it.Rule = &content, rule
	changes := []Change{c.record(it, "", now)}
	if rule == nil {
		return changes, nil
	}
	for _, e := range it.exceptions() {
		if e.Orphan {
			continue
		}
		if e.AllDay != content.AllDay || !it.hasSlot(e.Original) {
			e.Orphan, e.Cancelled = true, true
			changes = append(changes, c.record(it, e.Slot, now))
			continue
		}
		if next, changed := follow(e, old, &content); changed {
			e.Content = next
			changes = append(changes, c.record(it, e.Slot, now))
		}
	}
	return changes, nil
}

// EditSlot changes one occurrence, which makes it an exception. An occurrence
// that was cancelled comes back.
func (c *Calendar) EditSlot(id, slot string, edit func(*Content)) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		o, ok := it.At(c.Owner.Email, slot)
		if !ok {
			return nil, fmt.Errorf("%w: %s of %s", ErrNoSlot, slot, id)
		}
		before := o.Content.clone()
		before.Start, before.End = o.Start, o.End
		after := before.clone()
		edit(&after)
		if err := after.check(); err != nil {
			return nil, err
		}
		e := it.Exceptions[slot]
		if e == nil || e.Orphan {
			e = &Exception{Slot: slot, Original: o.Original, AllDay: it.Content.AllDay}
			if it.Exceptions == nil {
				it.Exceptions = map[string]*Exception{}
			}
			it.Exceptions[slot] = e
		}
		e.Cancelled = false
		e.own |= differ(&before, &after)
		e.Content = &after
		return []Change{c.record(it, slot, now)}, nil
	})
}

// CancelSlot takes one occurrence out of a series.
func (c *Calendar) CancelSlot(id, slot string) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		o, ok := it.At(c.Owner.Email, slot)
		if !ok || o.Cancelled {
			return nil, fmt.Errorf("%w: %s of %s", ErrNoSlot, slot, id)
		}
		e := it.Exceptions[slot]
		if e == nil || e.Orphan {
			content := it.Content.clone()
			content.Start, content.End = o.Start, o.End
			e = &Exception{Slot: slot, Original: o.Original, AllDay: it.Content.AllDay, Content: &content}
			if it.Exceptions == nil {
				it.Exceptions = map[string]*Exception{}
			}
			it.Exceptions[slot] = e
		}
		e.Cancelled = true
		return []Change{c.record(it, slot, now)}, nil
	})
}

// Split ends a series with the day before a slot and begins a new one there, as
// "this and following" does in both services: later exceptions are lost. It returns the
// id of the new series.
func (c *Calendar) Split(id, slot string, edit func(*Content)) (string, error) {
	var next Event
	err := c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		o, ok := it.At(c.Owner.Email, slot)
		if !ok {
			return nil, fmt.Errorf("%w: %s of %s", ErrNoSlot, slot, id)
		}
		if o.Original.Equal(it.Content.Start) {
			return nil, fmt.Errorf("%w: %s is the first of %s; edit the series instead", ErrNoSlot, slot, id)
		}
		next = it.rest(o.Original)
		edit(&next.Content)
		if err := next.check(); err != nil {
			return nil, err
		}
		rule := it.Rule.clone()
		rule.Count = 0
		rule.Until = o.Original.Add(-day)
		if loc, err := location(it.Content.Zone); err == nil && !it.Content.AllDay {
			date, _ := civil(o.Original, loc)
			rule.Until = wall(date, 0, loc).Add(-time.Second)
		}
		return c.rewrite(it, now, func(*Content) {}, rule)
	})
	if err != nil {
		return "", err
	}
	return c.Add(next)
}

// rest is the series from a slot on.
func (it *Item) rest(original time.Time) Event {
	length := it.Content.End.Sub(it.Content.Start)
	e := Event{Content: it.Content.clone(), Rule: it.Rule.clone()}
	e.Start, e.End = original, original.Add(length)
	if e.Rule.Count > 0 {
		before := 0
		it.slots(it.Content.Start, func(o time.Time) bool {
			if o.Before(original) {
				before++
			}
			return o.Before(original)
		})
		e.Rule.Count -= before
	}
	for slot := range it.Skipped {
		if o, _, err := ParseSlot(slot); err == nil && !o.Before(original) {
			e.Skip = append(e.Skip, o)
		}
	}
	return e
}

// Delete removes a single event, or a series with all its occurrences.
func (c *Calendar) Delete(id string) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		it.Deleted = true
		return []Change{c.record(it, "", now)}, nil
	})
}

// Respond sets the owner's answer to an event or a whole series.
func (c *Calendar) Respond(id string, r Response) error {
	return c.Edit(id, func(x *Content) { x.SetResponse(c.Owner, r) })
}

// RespondSlot sets the owner's answer to one occurrence.
func (c *Calendar) RespondSlot(id, slot string, r Response) error {
	return c.EditSlot(id, slot, func(x *Content) { x.SetResponse(c.Owner, r) })
}

// Rezone keeps the wall clock of an event and changes its zone.
func (c *Calendar) Rezone(id, zone string) error {
	to, err := location(zone)
	if err != nil {
		return err
	}
	return c.Edit(id, func(x *Content) {
		if from, err := location(x.Zone); err == nil && !x.AllDay {
			length := x.End.Sub(x.Start)
			date, clock := civil(x.Start, from)
			x.Start = wall(date, clock, to)
			x.End = x.Start.Add(length)
		}
		x.Zone = zone
	})
}

// Transfer marks an item as moved between folders: ids that are not immutable
// become others.
func (c *Calendar) Transfer(id string) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		it.Moved++
		return []Change{c.record(it, "", now)}, nil
	})
}

// Touch records a change in which nothing changed, as providers report after a
// changed reminder or a seen invitation.
func (c *Calendar) Touch(id string) error {
	return c.change(id, func(it *Item, now time.Time) ([]Change, error) {
		return []Change{c.record(it, "", now)}, nil
	})
}

// Lookup finds the item of a UID, or "".
func (c *Calendar) Lookup(match func(*Item) bool) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, it := range c.items {
		if match(it) {
			return it.ID
		}
	}
	return ""
}

// IDs returns the ids of what is not deleted, in the order of creation.
func (c *Calendar) IDs() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []string
	for _, it := range c.items {
		if !it.Deleted {
			list = append(list, it.ID)
		}
	}
	return list
}

// Slots returns the slots of a series between two moments, cancelled ones too.
func (c *Calendar) Slots(id string, from, to time.Time) []Occurrence {
	c.mu.RLock()
	defer c.mu.RUnlock()
	it := c.byID[id]
	if it == nil || it.Rule == nil {
		return nil
	}
	var list []Occurrence
	it.Expand(c.Owner.Email, Window{From: from, To: to, Zone: c.allDayZone(), Cancelled: true}, func(o Occurrence) bool {
		list = append(list, o)
		return true
	})
	return list
}

// SameAddress compares e-mail addresses.
func SameAddress(a, b string) bool { return strings.EqualFold(a, b) }
