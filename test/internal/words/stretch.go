package words

import (
	"slices"
	"time"

	"steno/internal/record/journal"
)

// Stretch is a part of the meeting that was recorded without a break. Epoch is
// when a file that has nothing but this stretch as it is would have begun: a
// pause is cut out, a gap is not. All are Unix microseconds.
type Stretch struct{ From, To, Epoch int64 }

// Edge is how long nobody knows, at a break, what of the meeting is recorded.
const Edge = 500_000

// Stretches are those of a recording from its epoch to the end.
func Stretches(entries []journal.Entry, epoch, end int64) []Stretch {
	list := []Stretch{{From: epoch, Epoch: epoch}}
	cut := func(from, to, shift int64) {
		last := &list[len(list)-1]
		last.To = from - Edge
		list = append(list, Stretch{From: to + Edge, Epoch: last.Epoch + shift})
	}
	var paused int64
	for _, e := range entries {
		switch {
		case e.Gap != nil:
			cut(e.Gap.From, e.Gap.To, 0)
		case e.Pause != nil && e.Pause.On:
			paused = e.Pause.UnixMicro
		case e.Pause != nil:
			cut(paused, e.Pause.UnixMicro, e.Pause.UnixMicro-paused)
		}
	}
	list[len(list)-1].To = end - Edge
	return slices.DeleteFunc(list, func(s Stretch) bool { return s.To-s.From < Edge })
}

// cutOff is the time of what was not recorded.
const cutOff = time.Duration(-1 << 62)

// place is where a span of the meeting is on the recording's clock, and whether
// all of it was recorded for sure. What lies behind a break is cutOff.
func place(list []Stretch, from, to int64) (start, end time.Duration, sure bool) {
	best, off := list[0], int64(1)<<62
	for _, s := range list {
		if d := max(s.From-from, to-s.To, 0); d < off {
			best, off = s, d
		}
	}
	at := func(us int64) time.Duration { return time.Duration(us-best.Epoch) * time.Microsecond }
	if from < best.From-Edge {
		start = cutOff
	} else {
		start = at(from)
	}
	if to > best.To+Edge {
		return start, cutOff, false
	}
	return start, at(to), off == 0
}

// breaks are where a stretch ends and where the next one begins, on the recording's
// clock: the same moment if what lay between was cut out.
func breaks(list []Stretch) (at []time.Duration) {
	for i := 1; i < len(list); i++ {
		at = append(at, time.Duration(list[i-1].To+Edge-list[i-1].Epoch)*time.Microsecond, time.Duration(list[i].From-Edge-list[i].Epoch)*time.Microsecond)
	}
	return at
}
