package microsoft

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"steno/simulator/service"
	"steno/simulator/truth"
)

// cursor is what a $skiptoken or $deltatoken means. The window is in it and
// cannot be changed.
type cursor struct {
	Calendar string    `json:"c"`
	Start    time.Time `json:"b"`
	End      time.Time `json:"d"`
	Epoch    int64     `json:"e,omitempty"`
	// Inc: an increment; it lists what changed after From up to To. The first
	// round lists all; increments begin at To.
	Inc  bool  `json:"i,omitempty"`
	From int64 `json:"f,omitempty"`
	To   int64 `json:"t"`
	At   int64 `json:"a,omitempty"`
	Sub  int   `json:"s,omitempty"`
}

func (c cursor) String() string {
	data, _ := json.Marshal(c)
	return base64.RawURLEncoding.EncodeToString(data)
}

func parseCursor(s string) (c cursor, ok bool) {
	data, err := base64.RawURLEncoding.DecodeString(s)
	return c, err == nil && json.Unmarshal(data, &c) == nil
}

// untracked are the options that change tracking does not take.
var untracked = []string{"$select", "$expand", "$filter", "$orderby", "$search", "$top", "$skip"}

// calendarDelta is /calendarView/delta.
func calendarDelta(c *call) service.Reply {
	cal, reply, ok := c.calendar()
	if !ok {
		return reply
	}
	cur, reply, ok := c.deltaCursor(cal)
	if !ok {
		return reply
	}
	size := 10
	applied := http.Header{}
	if s := c.prefers("odata.maxpagesize"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return c.s.invalid("The preference odata.maxpagesize is not a number.")
		}
		size = min(n, 1000)
		applied.Set("Preference-Applied", "odata.maxpagesize="+s)
	}
	size = c.s.Page(size)
	if c.happens(service.ShortPage) {
		size = max(size/2, 1)
	}
	if (cur.At > 0 || cur.Sub > 0) && c.happens(service.EmptyPage) {
		size = 0
	}
	v := c.view(cal)
	rows, next := v.round(&cur, size)
	result := map[string]any{"@odata.context": c.s.GraphURL() + "/$metadata#Collection(event)", "value": rows}
	if next {
		result["@odata.nextLink"] = c.link("$skiptoken", cur.String())
	} else {
		result["@odata.deltaLink"] = c.link("$deltatoken", cursor{Calendar: cur.Calendar, Start: cur.Start, End: cur.End, Epoch: cur.Epoch, Inc: true, To: cur.To}.String())
	}
	return service.Reply{Header: applied, Body: result}
}

// deltaCursor reads the position from the request.
func (c *call) deltaCursor(cal *truth.Calendar) (cursor, service.Reply, bool) {
	q := c.r.URL.Query()
	for _, name := range untracked {
		if q.Has(name) {
			return cursor{}, c.s.failure(http.StatusBadRequest, "ErrorInvalidUrlQuery",
				"The following parameters are not supported with change tracking over the 'CalendarView' resource: '$orderby, $filter, $select, $expand, $search, $top'."), false
		}
	}
	token := q.Get("$skiptoken")
	delta := q.Get("$deltatoken")
	if token == "" && delta == "" {
		from, to, reply, ok := c.window()
		return cursor{Calendar: cal.ID, Start: from, End: to, To: cal.Rev(), Epoch: cal.Epoch()}, reply, ok
	}
	cur, ok := parseCursor(token + delta)
	if !ok || cur.Calendar != cal.ID {
		return cursor{}, c.s.failure(http.StatusBadRequest, "SyncStateInvalid", "The sync state is invalid."), false
	}
	if delta != "" {
		cur.From, cur.To, cur.At, cur.Sub = cur.To, cal.Rev(), 0, 0
		if c.happens(service.Gone) {
			cal.Expire()
		}
		if c.happens(service.GoneSilently) {
			cal.Expire()
			return cursor{}, c.s.failure(http.StatusBadRequest, "syncStateNotFound", "The sync state generation is not found; continuation failed."), false
		}
	}
	if cur.Epoch != cal.Epoch() {
		return cursor{}, c.lost(cur), false
	}
	return cur, service.Reply{}, true
}

// lost is the answer to a token that is not known any more.
func (c *call) lost(cur cursor) service.Reply {
	r := c.s.failure(http.StatusGone, "SyncStateNotFound", "The sync state generation is not found; continuation failed.")
	r.Header = http.Header{"Location": {c.s.Address() + c.r.URL.EscapedPath() + "?startDateTime=" + cur.Start.Format(time.RFC3339) + "&endDateTime=" + cur.End.Format(time.RFC3339)}}
	return r
}

// round lists one page from the cursor on and moves it; more tells that there
// is another page.
func (v view) round(cur *cursor, size int) (page []any, more bool) {
	page = []any{}
	put := func(rows []any) bool {
		for ; cur.Sub < len(rows); cur.Sub++ {
			if len(page) >= size {
				return false
			}
			row := rows[cur.Sub]
			if e, ok := row.(*event); ok {
				row = e.row()
			}
			page = append(page, row)
		}
		cur.At, cur.Sub = cur.At+1, 0
		return true
	}
	v.cal.View(func(items []*truth.Item, log []truth.Change) {
		if cur.Inc {
			items = since(log, cur.From, cur.To)
		}
		for cur.At < int64(len(items)) {
			it := items[cur.At]
			rows := v.rows(it, cur)
			if !put(rows) {
				more = true
				return
			}
		}
	})
	return page, more
}

// since returns the items that changed after one revision up to another, each
// once, where it changed last.
func since(log []truth.Change, from, to int64) []*truth.Item {
	begin := sort.Search(len(log), func(i int) bool { return log[i].Rev > from })
	end := sort.Search(len(log), func(i int) bool { return log[i].Rev > to })
	seen := map[*truth.Item]bool{}
	var items []*truth.Item
	for i := end - 1; i >= begin; i-- {
		if it := log[i].Item; !seen[it] {
			seen[it] = true
			items = append(items, it)
		}
	}
	slices.Reverse(items)
	return items
}

// rows are what a round says of one item. An increment may also say that
// something is gone that its reader never heard of.
func (v view) rows(it *truth.Item, cur *cursor) []any {
	rows := v.rowsOf(it, cur)
	if cur.Inc && v.c.s.Chance(service.StrayTomb, it.ID+strconv.FormatInt(cur.To, 10)) {
		stranger := &truth.Item{ID: "Stray" + it.ID}
		rows = append([]any{v.tombstone(stranger, "")}, rows...)
	}
	return rows
}

func (v view) rowsOf(it *truth.Item, cur *cursor) []any {
	w := truth.Window{From: cur.Start, To: cur.End}
	key := it.ID + strconv.FormatInt(cur.To, 10)
	if it.Rule == nil {
		return v.single(it, w, cur, key)
	}
	if it.Deleted {
		if !cur.Inc {
			return nil
		}
		return append(v.fallen(it, w, key), v.tombstone(it, ""))
	}
	var rows []any
	it.Expand(v.cal.Owner.Email, w, func(o truth.Occurrence) bool {
		rows = append(rows, v.part(o, key))
		return true
	})
	if len(rows) == 0 {
		if !cur.Inc {
			return nil
		}
		// The series is not, or no longer, in the window.
		return append(v.fallen(it, w, key), v.tombstone(it, ""))
	}
	if cur.Inc {
		rows = append(rows, v.fallen(it, w, key)...)
	}
	// Without its master only when it is known from before or began before the
	// window: a client can ask for it.
	older := it.Content.Start.Before(cur.Start) || cur.Inc
	if older && v.c.s.Chance(service.MissingMaster, key) {
		return rows
	}
	master := v.item(it)
	master.Type = "#microsoft.graph.event"
	if it.Seq%2 == 0 {
		return append([]any{master}, rows...)
	}
	return append(rows, master)
}

func (v view) single(it *truth.Item, w truth.Window, cur *cursor, key string) []any {
	in := false
	it.Expand(v.cal.Owner.Email, w, func(truth.Occurrence) bool { in = true; return false })
	if !in {
		if cur.Inc {
			// It may have been in the window; Graph says so even if not.
			return []any{v.tombstone(it, "")}
		}
		return nil
	}
	e := v.item(it)
	e.Type = "#microsoft.graph.event"
	if v.c.s.Chance(service.DoubledRow, key) {
		first := *e
		stale := "(an older version)"
		first.Subject = &stale
		return []any{&first, e}
	}
	return []any{e}
}

// part is one occurrence of a series: bare, or in full if it is an exception.
func (v view) part(o truth.Occurrence, key string) any {
	if !o.Exception && v.c.s.Chance(service.Bare, key+o.Slot) {
		return v.bare(o)
	}
	e := v.occurrence(o)
	e.Type = "#microsoft.graph.event"
	if o.Exception && v.c.s.Chance(service.NoFields, key+o.Slot) {
		// An exception need not say what it has from its series.
		var title, text, place bool
		o.Item.Exceptions[o.Slot].Inherits(&title, &text, &place)
		if title {
			e.Subject = nil
			e.drop = append(e.drop, "subject")
		}
		if text {
			e.drop = append(e.drop, "body", "bodyPreview")
		}
		if place {
			e.drop = append(e.drop, "location", "locations")
		}
	}
	return e
}

// fallen are the tombstones of cancelled occurrences, if they are not missing:
// the real service often gives none.
func (v view) fallen(it *truth.Item, w truth.Window, key string) []any {
	w.Cancelled = true
	alive := *it
	alive.Deleted = false
	var rows []any
	alive.Expand(v.cal.Owner.Email, w, func(o truth.Occurrence) bool {
		if (o.Cancelled || it.Deleted) && !v.c.s.Chance(service.MissingTomb, key+o.Slot) {
			rows = append(rows, v.tombstone(it, o.Slot))
		}
		return true
	})
	return rows
}
