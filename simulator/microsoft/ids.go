package microsoft

import (
	"regexp"
	"strconv"
	"strings"

	"steno/simulator/truth"
)

// Ids come in two kinds. Immutable ones stay when an item is moved; the
// others, which a client gets that does not ask for immutable ones, do not.
// Both are case-sensitive.

const (
	immutablePrefix = "AAkALgAAAAAAHYQD"
	mutablePrefix   = "AAMkADAw"
	idEnd           = "AAA="
)

// ImmutableID is the id of an occurrence, a single event (slot "") or a series
// (item's id, slot "") under Prefer: IdType="ImmutableId".
func ImmutableID(item, slot string) string {
	if slot != "" {
		item += "_" + slot
	}
	return immutablePrefix + item + idEnd
}

// IDOf is ImmutableID of an occurrence of the oracle.
func IDOf(o truth.Occurrence) string { return ImmutableID(o.ItemID, o.Slot) }

func mutableID(item, slot string, moved int) string {
	if slot != "" {
		item += "_" + slot
	}
	return mutablePrefix + strconv.Itoa(moved) + "-" + item + idEnd
}

var idShape = regexp.MustCompile(`^(?:` + immutablePrefix + `|` + mutablePrefix + `([0-9]+)-)([A-Za-z0-9]+)(?:_([0-9TZ]+))?` + idEnd + `$`)

// parseID finds what an id names. moved is -1 for immutable ids, which are
// good however often the item was moved.
func parseID(id string) (item, slot string, moved int, ok bool) {
	m := idShape.FindStringSubmatch(id)
	if m == nil {
		return "", "", 0, false
	}
	moved = -1
	if m[1] != "" {
		moved, _ = strconv.Atoi(m[1])
	}
	return m[2], m[3], moved, true
}

// view is how a request sees a calendar.
type view struct {
	c         *call
	cal       *truth.Calendar
	immutable bool
	zone      string // of the answer's times
	text      bool   // bodies as text
}

func (c *call) view(cal *truth.Calendar) view {
	v := view{c: c, cal: cal, immutable: c.immutable(), zone: "UTC", text: strings.EqualFold(c.prefers("outlook.body-content-type"), "text")}
	if z := c.prefers("outlook.timezone"); z != "" {
		v.zone = z
	}
	return v
}

func (v view) id(it *truth.Item, slot string) string {
	if v.immutable {
		return ImmutableID(it.ID, slot)
	}
	return mutableID(it.ID, slot, it.Moved)
}
