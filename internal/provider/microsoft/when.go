package microsoft

import (
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/provider/zone"
)

// whenOf makes a When of two points. planned is the zone in which the event was
// planned, as Exchange names it.
func whenOf(start, end dateTime, allDay bool, planned string) calendar.When {
	from, guessed := start.at()
	to, _ := end.at()
	z := zone.Resolve(planned)
	if allDay {
		w := calendar.When{AllDay: true, Start: dateIn(from, z), End: dateIn(to, z), ZoneGuessed: z.Guessed}
		if !w.End.After(w.Start) {
			w.End = w.Start.AddDate(0, 0, 1)
		}
		return w
	}
	w := calendar.When{Start: from, End: to, ZoneGuessed: guessed || z.Guessed}
	if w.End.Before(w.Start) {
		w.End = w.Start
	}
	if planned != "" && !z.Guessed {
		w.Zone = z.Name
	}
	return w
}

// dateIn is the date of an all-day event as midnight UTC. Exchange stores
// midnight in the event's zone, so that in UTC a day in Berlin begins at 23:00
// of the day before (trap 30). Where that zone does not make it midnight (it is
// unknown, or the service has not converted) the nearest midnight is meant.
func dateIn(t time.Time, z zone.Zone) time.Time {
	local := t.In(z.Loc)
	if local.Hour() != 0 || local.Minute() != 0 || z.Guessed {
		return nearestMidnight(t)
	}
	return time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
}

// nearestMidnight reads 23:00Z as the next day (a zone east of Greenwich) and
// 05:00Z as the same (west of it).
func nearestMidnight(t time.Time) time.Time { return t.Add(11 * time.Hour).Truncate(24 * time.Hour) }

// wholeDays: this may be an all-day event. Bare occurrences do not say whether
// they are.
func wholeDays(w calendar.When) bool {
	d := w.End.Sub(w.Start)
	rest := d % (24 * time.Hour)
	if rest > 12*time.Hour {
		rest -= 24 * time.Hour
	}
	// A day on which clocks change has 23 or 25 hours.
	return d >= 23*time.Hour && rest.Abs() <= time.Hour && w.Start.Minute()%15 == 0 && w.Start.Second() == 0
}

// day is what a bare occurrence needs to know of its master.
type day struct {
	allDay bool
	zone   zone.Zone
}

// apply turns the instants of an occurrence into dates if its series is one of
// whole days.
func (d day) apply(w calendar.When) calendar.When {
	if !d.allDay {
		return w
	}
	return calendar.When{AllDay: true, Start: dateIn(w.Start, d.zone), End: dateIn(w.End, d.zone), ZoneGuessed: d.zone.Guessed}
}

// dayCache remembers the masters that went by, because occurrences may stand on
// a later page of the round than their master.
type dayCache struct {
	mu    sync.Mutex
	known map[string]day
}

// mostDays bounds the cache; beyond, it begins anew.
const mostDays = 20_000

func (c *dayCache) put(connection, master string, d day) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= mostDays {
		clear(c.known)
	}
	c.known[connection+"/"+master] = d
}

func (c *dayCache) get(connection, master string) (day, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.known[connection+"/"+master]
	return d, ok
}
