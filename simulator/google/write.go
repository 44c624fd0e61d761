package google

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// mail counts a write of which Google would mail the attendees.
func (c *call) mail() {
	if c.query("sendUpdates") == "all" {
		c.s.Count("mail", c.grant.Account)
	}
}

func notFound() service.Reply {
	return failure(http.StatusNotFound, "global", "notFound", "Not Found")
}

// row finds the event of the path as the API shows it. missing is a slot or
// item that never was.
func (c *call) row(cal *truth.Calendar) (e *event, ok bool) {
	id := c.r.PathValue("event")
	v := view{cal, cal.Location()}
	if zone := c.query("timeZone"); zone != "" {
		if loc, err := loadZone(zone); err == nil {
			v.in = loc
		}
	}
	if cal.Get(id, func(it *truth.Item) { e = v.item(it) }) {
		return e, true
	}
	item, slot := splitID(id)
	if slot == "" {
		return nil, false
	}
	cal.Get(item, func(it *truth.Item) {
		if x := it.Exceptions[slot]; x != nil && (x.Orphan || it.Deleted) {
			e = v.skeleton(it, slot, x.Original, x.Rev)
			return
		}
		if o, ok := it.At(cal.Owner.Email, slot); ok {
			e = v.occurrence(o)
		}
	})
	return e, e != nil
}

func getEvent(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	e, ok := c.row(cal)
	if !ok {
		return notFound()
	}
	if match := c.r.Header.Get("If-None-Match"); match != "" && match == e.ETag {
		return service.Reply{Status: http.StatusNotModified}
	}
	return service.Reply{Body: e}
}

var clientID = regexp.MustCompile(`^[a-v0-9]{5,}$`)

// writable checks that the calendar is there and may be written to.
func (c *call) writable() (*truth.Calendar, service.Reply, bool) {
	cal, reply, ok := c.calendar()
	if ok && cal.Role != "owner" && cal.Role != "writer" {
		return nil, failure(http.StatusForbidden, "calendar", "requiredAccessLevel", "You need to have writer access to this calendar."), false
	}
	return cal, reply, ok
}

func insertEvent(c *call) service.Reply {
	cal, reply, ok := c.writable()
	if !ok {
		return reply
	}
	var body map[string]json.RawMessage
	if err := service.ReadJSON(c.r, &body); err != nil {
		return failure(http.StatusBadRequest, "global", "parseError", "Parse Error")
	}
	d := &draft{c: c, cal: cal, content: truth.Content{Zone: cal.Zone, Organizer: cal.Owner}, conference: c.query("conferenceDataVersion") == "1"}
	if reply, ok := d.apply(body); !ok {
		return reply
	}
	if reply, ok := d.complete(); !ok {
		return reply
	}
	if d.id != "" && (len(d.id) > 1024 || !clientID.MatchString(d.id)) {
		return failure(http.StatusBadRequest, "global", "invalid", "Invalid resource id value.")
	}
	if d.id != "" && cal.Get(d.id, func(*truth.Item) {}) {
		return failure(http.StatusConflict, "global", "duplicate", "The requested identifier already exists.")
	}
	id, err := cal.Add(truth.Event{Content: d.content, ID: d.id, UID: d.uid, Rule: d.rule, Skip: d.skip})
	if err != nil {
		return failure(http.StatusBadRequest, "global", "invalid", err.Error())
	}
	c.mail()
	return c.show(cal, id)
}

func (c *call) show(cal *truth.Calendar, id string) service.Reply {
	c.r.SetPathValue("event", id)
	e, ok := c.row(cal)
	if !ok {
		return notFound()
	}
	return service.Reply{Body: e}
}

func patchEvent(c *call) service.Reply  { return c.modify(false) }
func updateEvent(c *call) service.Reply { return c.modify(true) }

// modify changes an event or one occurrence. whole: what is not sent is
// emptied (PUT).
func (c *call) modify(whole bool) service.Reply {
	cal, reply, ok := c.writable()
	if !ok {
		return reply
	}
	id := c.r.PathValue("event")
	old, ok := c.row(cal)
	if !ok {
		return notFound()
	}
	if match := c.r.Header.Get("If-Match"); match != "" && match != "*" && match != old.ETag {
		return failure(http.StatusPreconditionFailed, "global", "conditionNotMet", "Precondition Failed")
	}
	var body map[string]json.RawMessage
	if err := service.ReadJSON(c.r, &body); err != nil {
		return failure(http.StatusBadRequest, "global", "parseError", "Parse Error")
	}
	item, slot := id, ""
	if !cal.Get(id, func(*truth.Item) {}) {
		item, slot = splitID(id)
	}
	if reply, done := c.setStatus(cal, item, slot, body, old); done {
		return reply
	}
	d := &draft{c: c, cal: cal, whole: whole, conference: c.query("conferenceDataVersion") == "1", instance: slot != ""}
	return c.apply(d, item, slot, body)
}

// apply runs a draft on what is there. The body is read twice: first against a
// copy, so that a bad one changes nothing.
func (c *call) apply(d *draft, item, slot string, body map[string]json.RawMessage) service.Reply {
	d.load(item, slot)
	if !d.mine() && (body["guestsCanModify"] != nil || body["guestsCanInviteOthers"] != nil || body["guestsCanSeeOtherGuests"] != nil) {
		return failure(http.StatusForbidden, "calendar", "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.")
	}
	if reply, ok := d.apply(body); !ok {
		return reply
	}
	if reply, ok := d.complete(); !ok {
		return reply
	}
	put := func(x *truth.Content) { *x = d.content }
	var err error
	switch {
	case slot != "":
		err = d.cal.EditSlot(item, slot, put)
	case d.rule != nil && d.wasSeries:
		err = d.cal.EditSeries(item, func(x *truth.Content, r *truth.Rule) { *x, *r = d.content, *d.rule })
	case d.rule != nil:
		return failure(http.StatusBadRequest, "global", "invalid", "The fake does not make a series of a single event.")
	default:
		err = d.cal.Edit(item, put)
	}
	if errors.Is(err, truth.ErrNoItem) || errors.Is(err, truth.ErrNoSlot) {
		return notFound()
	}
	if err != nil {
		return failure(http.StatusBadRequest, "global", "invalid", err.Error())
	}
	c.mail()
	id := item
	if slot != "" {
		id = instanceID(item, slot)
	}
	return c.show(d.cal, id)
}

// setStatus handles a body that cancels, or that brings back what is
// cancelled.
func (c *call) setStatus(cal *truth.Calendar, item, slot string, body map[string]json.RawMessage, old *event) (service.Reply, bool) {
	var status string
	if raw := body["status"]; raw != nil && json.Unmarshal(raw, &status) != nil {
		return c.invalid("status"), true
	}
	if status == "cancelled" {
		if old.Status != "cancelled" && remove(cal, item, slot) != nil {
			return notFound(), true
		}
		return c.show(cal, c.r.PathValue("event")), true
	}
	if old.Status == "cancelled" && (slot == "" || status != "confirmed") {
		return notFound(), true
	}
	return service.Reply{}, false
}

func remove(cal *truth.Calendar, item, slot string) error {
	if slot != "" {
		return cal.CancelSlot(item, slot)
	}
	return cal.Delete(item)
}

func deleteEvent(c *call) service.Reply {
	cal, reply, ok := c.writable()
	if !ok {
		return reply
	}
	id := c.r.PathValue("event")
	e, ok := c.row(cal)
	if !ok {
		return notFound()
	}
	if match := c.r.Header.Get("If-Match"); match != "" && match != "*" && match != e.ETag {
		return failure(http.StatusPreconditionFailed, "global", "conditionNotMet", "Precondition Failed")
	}
	if e.Status == "cancelled" {
		return failure(http.StatusGone, "global", "deleted", "Resource has been deleted")
	}
	item, slot := id, ""
	if e.RecurringEventID != "" {
		item, slot = splitID(id)
	}
	if err := remove(cal, item, slot); err != nil {
		return failure(http.StatusGone, "global", "deleted", "Resource has been deleted")
	}
	c.mail()
	return service.Reply{Status: http.StatusNoContent}
}

// mine tells that the calendar's owner organises the event.
func (d *draft) mine() bool { return d.content.Organizer.Email == d.cal.Owner.Email }

// load takes what is there as the start of a draft.
func (d *draft) load(item, slot string) {
	d.cal.Get(item, func(it *truth.Item) {
		d.content, d.wasSeries, d.rule = *it.Content, it.Rule != nil && slot == "", nil
		if d.wasSeries {
			rule := *it.Rule
			d.rule = &rule
		}
		if o, ok := it.At(d.cal.Owner.Email, slot); slot != "" && ok {
			d.content = *o.Content
			d.content.Start, d.content.End = o.Start, o.End
		}
	})
	d.content.Attendees = slices.Clone(d.content.Attendees)
	extra := map[string]any{}
	for k, v := range d.content.Extra {
		extra[k] = v
	}
	d.content.Extra = extra
	if !d.whole {
		return
	}
	old := d.content
	d.content = truth.Content{Zone: d.cal.Zone, Organizer: old.Organizer, Extra: map[string]any{}}
	if d.instance {
		d.content.Start, d.content.End, d.content.AllDay, d.content.Zone = old.Start, old.End, old.AllDay, old.Zone
	}
}
