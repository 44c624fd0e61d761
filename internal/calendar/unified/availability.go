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

// MaxBusyRange is how long a range of an availability may be.
const MaxBusyRange = 366 * 24 * time.Hour

// busyPiece is how much of a range a service is asked for at a time: Graph takes
// 62 days.
const busyPiece = 60 * 24 * time.Hour

// Busy is a span in which somebody is busy.
type Busy struct {
	Start, End time.Time
	Provider   calendar.Platform
	CalendarID string
}

// Availability is when the owners of all calendars are busy, in the order of
// time. Spans of several calendars are not merged.
type Availability struct {
	Busy []Busy
	// Troubles tells which calendars are missing: those that are disconnected but
	// for their rows, and, where a part was asked for, those that failed.
	Troubles []Trouble
}

// Availability asks all services when people are busy. A calendar that cannot be
// asked is an error, because what is missing would look like free time, unless
// partial says that a part will do.
func (s *Service) Availability(ctx context.Context, team string, w calendar.Window, partial bool) (Availability, error) {
	switch {
	case !w.End.After(w.Start):
		return Availability{}, fail.New(fail.Invalid, CodeValidation, "end: must be after start")
	case w.End.Sub(w.Start) > MaxBusyRange:
		return Availability{}, fail.New(fail.Invalid, CodeValidation, "end: must be within a year of start")
	}
	conns, err := s.Store.TeamConnections(ctx, team)
	if err != nil {
		return Availability{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.liveTime())
	defer cancel()
	spans, errs := make([][]Busy, len(conns)), make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		if _, gone := inactive(c); !gone {
			wg.Go(func() { spans[i], errs[i] = s.busy(ctx, c, w) })
		}
	}
	wg.Wait()
	var out Availability
	for i, c := range conns {
		if t, gone := inactive(c); gone {
			out.Troubles = append(out.Troubles, *t)
			continue
		}
		if errs[i] == nil {
			out.Busy = append(out.Busy, spans[i]...)
			continue
		}
		t := trouble(c, errs[i])
		if !partial {
			return Availability{}, fail.Wrap(errs[i], fail.Upstream, t.Code, "%s could not say when calendar %s is busy; try again, or take what the others say with partial=true: %s", c.Platform, c.ID, t.Message)
		}
		out.Troubles = append(out.Troubles, t)
	}
	slices.SortStableFunc(out.Busy, func(a, b Busy) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.CalendarID, b.CalendarID))
	})
	return out, nil
}

// busy asks one service, piece by piece.
func (s *Service) busy(ctx context.Context, c calendar.Connection, w calendar.Window) (out []Busy, err error) {
	acc, err := s.account(c)
	if err != nil {
		return nil, err
	}
	for from := w.Start; from.Before(w.End); from = from.Add(busyPiece) {
		list, err := acc.FreeBusy(ctx, []string{c.RawID}, calendar.Window{Start: from, End: earlier(from.Add(busyPiece), w.End)})
		if err != nil {
			return nil, err
		}
		for _, b := range list {
			if !b.Taken() {
				continue
			}
			b.Start, b.End = later(b.Start, w.Start), earlier(b.End, w.End)
			// One that lies across two pieces comes twice, or in two parts.
			if i := slices.IndexFunc(out, func(o Busy) bool { return from.After(w.Start) && !o.End.Before(from) && !b.Start.After(from) }); i >= 0 {
				out[i].Start, out[i].End = earlier(out[i].Start, b.Start), later(out[i].End, b.End)
			} else if b.End.After(b.Start) {
				out = append(out, Busy{Start: b.Start, End: b.End, Provider: c.Platform, CalendarID: c.ID})
			}
		}
	}
	return out, nil
}
