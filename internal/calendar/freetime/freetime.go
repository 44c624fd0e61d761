// Package freetime finds the times at which a meeting fits. It is pure: what
// people are doing comes in, the slots come out.
//
// Hours are those that a clock in the zone shows. On the day on which it is set
// forward there are fewer, on the day on which it is set back an hour may come
// twice; both are as the clock has it.
package freetime

import (
	"slices"
	"time"
)

// Span is a stretch of time, its end excluded.
type Span struct{ Start, End time.Time }

// Hours are part of a day, in minutes since midnight: 540 to 1020 is nine to
// five. To may be 1440.
type Hours struct{ From, To int }

// Day is a whole day.
var Day = Hours{0, 24 * 60}

// Request says what is looked for.
type Request struct {
	Window   Span // the meeting lies within
	Duration time.Duration
	Zone     *time.Location
	// Working are the hours of each weekday within which the meeting lies; where
	// those of one day end when those of the next begin, it may go across.
	Working map[time.Weekday][]Hours
	// Step is the distance of possible starts, counted from where hours begin.
	// Whole minutes.
	Step time.Duration
	// Before and After are kept free around the meeting, also outside of working
	// hours and window.
	Before, After time.Duration
	Busy          []Span // of all people, in any order
	Max           int    // slots; they may overlap
}

// Find returns the first slots, in the order of time.
func Find(r Request) []Span {
	if r.Duration <= 0 || r.Step < time.Minute || r.Max < 1 || !r.Window.End.After(r.Window.Start) {
		return nil
	}
	var out []Span
	busy := merged(r.Busy)
	stretches := r.stretches()
	work := merged(spansOf(stretches))
	for _, s := range stretches {
		for start := s.first(r.Step, r.Window.Start); start.Before(s.End); start = start.Add(r.Step) {
			slot := Span{start, start.Add(r.Duration)}
			if slot.End.After(r.Window.End) || !within(work, slot) {
				break // later ones reach even further
			}
			if free(busy, Span{slot.Start.Add(-r.Before), slot.End.Add(r.After)}) {
				if out = append(out, slot); len(out) == r.Max {
					return out
				}
			}
		}
	}
	return out
}

// stretch is a piece of working time during which the zone's offset is the same.
type stretch struct {
	Span
	anchor time.Time // where its hours begin, or would, were the clock not set
}

// first is the first possible start at or after the given time.
func (s stretch) first(step time.Duration, notBefore time.Time) time.Time {
	from := s.Start
	if notBefore.After(from) {
		from = notBefore
	}
	steps := (from.Sub(s.anchor) + step - 1) / step
	return s.anchor.Add(steps * step)
}

// stretches returns the working time around the window, in the order of time.
func (r Request) stretches() (out []stretch) {
	for t := r.Window.Start; t.Before(r.Window.End); {
		begin, end := t.In(r.Zone).ZoneBounds()
		if begin.IsZero() || begin.Before(r.Window.Start.AddDate(0, 0, -2)) {
			begin = r.Window.Start.AddDate(0, 0, -2) // enough for the hours that the window begins in
		}
		if end.IsZero() || end.After(r.Window.End) {
			end = r.Window.End
		}
		_, offset := t.In(r.Zone).Zone()
		out = append(out, r.sameOffset(Span{begin, end}, time.Duration(offset)*time.Second)...)
		t = end
	}
	slices.SortFunc(out, func(a, b stretch) int { return a.Start.Compare(b.Start) })
	return out
}

// sameOffset returns the working time of a span with one offset from UTC.
func (r Request) sameOffset(s Span, offset time.Duration) (out []stretch) {
	clock := s.Start.UTC().Add(offset) // what clocks show, as if it were UTC
	day := time.Date(clock.Year(), clock.Month(), clock.Day(), 0, 0, 0, 0, time.UTC)
	for ; day.Add(-offset).Before(s.End); day = day.AddDate(0, 0, 1) {
		for _, h := range r.Working[day.Weekday()] {
			anchor := day.Add(time.Duration(h.From)*time.Minute - offset)
			cut := Span{latest(anchor, s.Start), earliest(day.Add(time.Duration(h.To)*time.Minute-offset), s.End)}
			if cut.End.After(cut.Start) {
				out = append(out, stretch{cut, anchor})
			}
		}
	}
	return out
}

func spansOf(list []stretch) []Span {
	out := make([]Span, 0, len(list))
	for _, s := range list {
		out = append(out, s.Span)
	}
	return out
}

// merged returns spans in order, those that touch or overlap as one.
func merged(spans []Span) []Span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b Span) int { return a.Start.Compare(b.Start) })
	var out []Span
	for _, s := range spans {
		if !s.End.After(s.Start) {
			continue
		}
		if n := len(out); n > 0 && !s.Start.After(out[n-1].End) {
			out[n-1].End = latest(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// after returns the first of merged spans that ends after t.
func after(spans []Span, t time.Time) (Span, bool) {
	i, _ := slices.BinarySearchFunc(spans, t, func(s Span, t time.Time) int {
		if s.End.After(t) {
			return 1
		}
		return -1
	})
	if i == len(spans) {
		return Span{}, false
	}
	return spans[i], true
}

func within(spans []Span, s Span) bool {
	w, ok := after(spans, s.Start)
	return ok && !w.Start.After(s.Start) && !s.End.After(w.End)
}

func free(busy []Span, s Span) bool {
	b, ok := after(busy, s.Start)
	return !ok || !b.Start.Before(s.End)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
