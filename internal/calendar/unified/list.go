package unified

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"steno/internal/calendar"
	"steno/internal/fail"
)

// Bounds of a list.
const (
	DefaultResults = 50
	MaxResults     = 250
	// DefaultRange is how far a list reaches that does not say.
	DefaultRange = 30 * 24 * time.Hour
	// MaxRange is how far one may reach at all.
	MaxRange = 2 * 366 * 24 * time.Hour
)

// Query asks for the events of all calendars. Zero fields take the defaults.
type Query struct {
	Start, End time.Time
	Max        int // for each service
}

// List is what all calendars hold, in the order of time.
type List struct {
	Events []Event
	// Troubles tells which calendars are missing, or not as current as they
	// should be.
	Troubles []Trouble
}

// window is what a query is about.
func (q Query) window(now time.Time) (calendar.Window, error) {
	w := calendar.Window{Start: q.Start, End: q.End}
	if w.Start.IsZero() {
		w.Start = now
	}
	if w.End.IsZero() {
		w.End = now
		if w.Start.After(now) {
			w.End = w.Start
		}
		w.End = w.End.Add(DefaultRange)
	}
	switch {
	case !w.End.After(w.Start):
		return w, fail.New(fail.Invalid, CodeValidation, "end: must be after start")
	case w.End.Sub(w.Start) > MaxRange:
		return w, fail.New(fail.Invalid, CodeValidation, "end: must be within two years of start; ask for the rest in another request")
	}
	return w, nil
}

// Events returns the first events of a range from all calendars of the team,
// Max of each service. Cancelled events, and those that the owner of the
// calendar has declined, are left out, as calendars do. What one calendar cannot
// contribute does not hold up the others.
func (s *Service) Events(ctx context.Context, team string, q Query) (List, error) {
	w, err := q.window(s.Clock.Now())
	if err != nil {
		return List{}, err
	}
	most := cmp.Or(q.Max, DefaultResults)
	if most < 1 || most > MaxResults {
		return List{}, fail.New(fail.Invalid, CodeValidation, "maxResults: must be 1 to %d", MaxResults)
	}
	all, err := s.Store.TeamConnections(ctx, team)
	if err != nil {
		return List{}, err
	}
	var out List
	m := merge{s: s, team: team, w: w, most: most, of: map[string]calendar.Connection{}}
	var spans []Span
	var live []reading
	for _, c := range all {
		if t, gone := inactive(c); t != nil {
			out.Troubles = append(out.Troubles, *t)
			if gone {
				continue
			}
		}
		m.of[c.ID] = c
		span, rest := s.split(c, w)
		if span != nil {
			spans = append(spans, *span)
		}
		if len(rest) > 0 && c.Status == calendar.Active {
			live = append(live, reading{conn: c, windows: rest})
		}
	}
	found := make(chan []reading, 1)
	go func() { found <- s.readAll(ctx, team, live, most) }()
	picks, err := s.Store.Earliest(ctx, team, spans, most)
	live = <-found
	if err != nil {
		return List{}, err
	}
	for _, r := range live {
		m.live = append(m.live, r.events...)
		if r.err != nil {
			out.Troubles = append(out.Troubles, trouble(r.conn, r.err))
		}
	}
	out.Events, err = m.events(ctx, picks)
	return out, err
}

// inactive says what is wrong with a connection that does not work. What is
// stored of one that may recover is shown all the same.
func inactive(c calendar.Connection) (t *Trouble, gone bool) {
	switch c.Status {
	case calendar.Active:
		return nil, false
	case calendar.Failing:
		return &Trouble{c.Platform, c.ID, CodeInactive, "the calendar cannot be read at present, what is shown of it may be out of date: " + c.StatusMessage}, false
	}
	return &Trouble{c.Platform, c.ID, CodeInactive, "the calendar is not read any more; give it new credentials with PATCH /v2/calendars/" + c.ID + ": " + c.StatusMessage}, true
}

// split divides a range into what is stored of a calendar and what is not.
func (s *Service) split(c calendar.Connection, w calendar.Window) (span *Span, rest []calendar.Window) {
	kept := calendar.Window{Start: later(w.Start, c.Sync.Window.Start), End: earlier(w.End, c.Sync.Window.End)}
	if !c.Sync.Announced || (c.Sync.StaleAt != nil && c.Status == calendar.Active) || !kept.End.After(kept.Start) {
		return nil, []calendar.Window{w}
	}
	if w.Start.Before(kept.Start) {
		rest = append(rest, calendar.Window{Start: w.Start, End: kept.Start})
	}
	if kept.End.Before(w.End) {
		rest = append(rest, calendar.Window{Start: kept.End, End: w.End})
	}
	zone := zoneOf(c)
	return &Span{CalendarID: c.ID, Window: kept, Dates: calendar.Window{Start: onClock(kept.Start, zone), End: onClock(kept.End, zone)}}, rest
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// merge brings together what the database and the services have said.
type merge struct {
	s    *Service
	team string
	w    calendar.Window
	most int
	of   map[string]calendar.Connection
	live []Event
}

// candidate is an event that may be among the first of its service.
type candidate struct {
	at   time.Time
	pick Pick
	live *Event
}

func (m *merge) events(ctx context.Context, picks []Pick) ([]Event, error) {
	byService := map[calendar.Platform][]candidate{}
	for _, p := range picks {
		c := m.of[p.CalendarID]
		byService[c.Platform] = append(byService[c.Platform], candidate{at: begins(p.Start, p.AllDay, zoneOf(c)), pick: p})
	}
	for i := range m.live {
		e := &m.live[i]
		byService[e.Provider] = append(byService[e.Provider], candidate{at: e.At, live: e})
	}
	var ids []string
	var lives []*Event
	for _, list := range byService {
		slices.SortStableFunc(list, func(a, b candidate) int { return a.at.Compare(b.at) })
		// An event on the border of what is stored may be there twice.
		for _, x := range list[:min(len(list), m.most+len(m.live))] {
			if x.live != nil {
				lives = append(lives, x.live)
			} else {
				ids = append(ids, x.pick.ID)
			}
		}
	}
	rows, err := m.s.Store.Stored(ctx, m.team, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Event, 0, len(rows)+len(lives))
	seen := map[[2]string]bool{}
	for _, x := range rows {
		e := ofStored(x, m.of[x.CalendarID])
		seen[[2]string{e.CalendarID, e.ID}] = true
		out = append(out, e)
	}
	for _, e := range lives {
		if k := [2]string{e.CalendarID, e.ID}; !seen[k] {
			seen[k] = true
			out = append(out, *e)
		}
	}
	slices.SortFunc(out, byTime)
	return first(out, m.most), nil
}

// first keeps so many events of each service.
func first(events []Event, most int) []Event {
	n := map[calendar.Platform]int{}
	return slices.DeleteFunc(events, func(e Event) bool {
		n[e.Provider]++
		return n[e.Provider] > most
	})
}

// reading is what is to be asked of a service for a list, and what came of it.
type reading struct {
	conn    calendar.Connection
	windows []calendar.Window
	events  []Event
	err     error
}

// readAll asks all services at once.
func (s *Service) readAll(ctx context.Context, team string, list []reading, most int) []reading {
	if len(list) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.liveTime())
	defer cancel()
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { list[i].events, list[i].err = s.read(ctx, team, list[i].conn, list[i].windows, most) })
	}
	wg.Wait()
	return list
}
