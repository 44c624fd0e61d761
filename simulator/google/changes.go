package google

import (
	"slices"
	"sort"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// changes lists what changed since a sync token, as it is now.
func (v view) changes(q *query, size int, list *eventList) (next *cursor, to int64) {
	from, at, sub := q.sync.To, int64(0), 0
	to = v.cal.Rev()
	if q.page != nil {
		at, sub, to = q.page.At, q.page.Sub, q.page.To
	}
	v.cal.View(func(_ []*truth.Item, log []truth.Change) {
		lines := since(log, from, to, q.single)
		for ; at < int64(len(lines)); at, sub = at+1, 0 {
			for _, e := range tail(v.changed(lines[at], q), sub) {
				if len(list.Items) >= size {
					next = &cursor{From: from, To: to, At: at, Sub: sub, Inc: true}
					return
				}
				list.add(e)
				sub++
			}
		}
	})
	return next, to
}

// since returns the changes after one revision up to another, each item or
// slot once, where it changed last. whole: each item once.
func since(log []truth.Change, from, to int64, whole bool) []truth.Change {
	begin := sort.Search(len(log), func(i int) bool { return log[i].Rev > from })
	end := sort.Search(len(log), func(i int) bool { return log[i].Rev > to })
	type key struct {
		item *truth.Item
		slot string
	}
	seen := map[key]bool{}
	var lines []truth.Change
	for i := end - 1; i >= begin; i-- {
		line := log[i]
		if whole {
			line.Slot = ""
		}
		k := key{line.Item, line.Slot}
		if !seen[k] {
			seen[k] = true
			lines = append(lines, line)
		}
	}
	slices.Reverse(lines)
	return lines
}

// changed are the rows of one change.
func (v view) changed(line truth.Change, q *query) []*event {
	it := line.Item
	switch {
	case q.single:
		return v.changedSingle(it)
	case line.Slot == "":
		return []*event{v.item(it)}
	case it.Deleted:
		return nil // the row of the series says it all
	}
	x := it.Exceptions[line.Slot]
	if x == nil {
		return nil
	}
	return []*event{v.exception(it, x)}
}

// changedSingle are the rows of a change with singleEvents=true: all
// occurrences of a touched series, far into the future, and no master. Of a
// deleted series only about half a year of them is reported as cancelled.
func (v view) changedSingle(it *truth.Item) []*event {
	if it.Rule == nil {
		return []*event{v.item(it)}
	}
	deleted := it.Deleted
	alive := *it
	alive.Deleted = false
	w := truth.Window{Zone: v.cal.Location(), Cancelled: true}
	if deleted {
		w.From, w.To = it.Updated.AddDate(0, -3, 0), it.Updated.AddDate(0, 3, 0)
	}
	var list []*event
	alive.Expand(v.cal.Owner.Email, w, func(o truth.Occurrence) bool {
		o.Cancelled = o.Cancelled || deleted
		list = append(list, v.occurrence(o))
		return len(list) < maxExpanded
	})
	return list
}

// listInstances lists the occurrences of one series.
func listInstances(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	q := &query{deleted: c.query("showDeleted") == "true", pageHash: fingerprint(c.r.URL.Query(), true), zone: cal.Location()}
	if name := c.common(q, cal); name != "" {
		return c.invalid(name)
	}
	id := c.r.PathValue("event")
	if s := c.query("pageToken"); s != "" {
		t, ok := parseCursor(s, "page")
		if !ok || t.Params != q.pageHash || t.Calendar != cal.ID+"/"+id {
			return c.invalid("pageToken")
		}
		q.page = &t
	}
	v := view{cal, q.zone}
	all := []*event{}
	found := cal.Get(id, func(it *truth.Item) {
		if it.Rule == nil && !it.Deleted {
			all = append(all, v.item(it)) // the real service answers so for single events
			return
		}
		w := v.window(q)
		it.Expand(cal.Owner.Email, w, func(o truth.Occurrence) bool {
			all = append(all, v.occurrence(o))
			return !w.To.IsZero() || len(all) < maxExpanded
		})
	})
	if !found {
		return failure(404, "global", "notFound", "Not Found")
	}
	if want := c.query("originalStart"); want != "" {
		all = slices.DeleteFunc(all, func(e *event) bool {
			return e.OriginalStartTime == nil || e.OriginalStartTime.DateTime != want && e.OriginalStartTime.Date != want
		})
	}
	slices.SortStableFunc(all, func(a, b *event) int { return startOf(a).Compare(startOf(b)) })
	return service.Reply{Body: c.instancePage(q, cal, id, all)}
}

func (c *call) instancePage(q *query, cal *truth.Calendar, id string, all []*event) *eventList {
	at := int64(0)
	if q.page != nil {
		at = q.page.At
	}
	size := q.max
	if c.happens(service.ShortPage) {
		size = max(size/2, 1)
	}
	if c.happens(service.EmptyPage) {
		size = 0
	}
	list := &eventList{Kind: "calendar#events", ETag: etag(cal.Rev()), Summary: cal.Name, Updated: stamp(c.s.Now()), TimeZone: cal.Zone,
		AccessRole: cal.Role, DefaultReminders: []any{}, Items: []any{}}
	rest := tail(all, int(at))
	if len(rest) > size {
		list.add(rest[:size]...)
		list.NextPageToken = cursor{Kind: "page", Calendar: cal.ID + "/" + id, Params: q.pageHash, At: at + int64(size)}.String()
		return list
	}
	list.add(rest...)
	return list
}
