package compose

import "steno/internal/record/ogg"

const rate = ogg.Rate // of all audio here, samples a second

// timeline turns wall time into recording time: microseconds since the epoch,
// with the pauses cut out.
type timeline struct {
	epoch int64
	cuts  []span // wall time, ascending
}

func (s *story) timeline() timeline { return timeline{epoch: s.epoch, cuts: s.pauses} }

// rec returns the recording time of a wall time, and whether that moment was
// recorded at all. Moments within a pause fall on its cut; those before the
// epoch are negative.
func (t timeline) rec(wall int64) (us int64, recorded bool) {
	us, recorded = wall-t.epoch, wall >= t.epoch
	for _, c := range t.cuts {
		if wall <= c.from {
			break
		}
		from := max(c.from, t.epoch)
		if wall < c.to {
			return us - (wall - from), false
		}
		us -= max(c.to-from, 0)
	}
	return us, recorded
}

// within clips spans of wall time to recording time; what lies in a pause
// vanishes.
func (t timeline) within(spans []span, end int64) []span {
	var list []span
	for _, s := range spans {
		from, _ := t.rec(s.from)
		to, _ := t.rec(s.to)
		from, to = max(from, 0), min(to, end)
		if to > from {
			list = append(list, span{from, to})
		}
	}
	return list
}

// wall is the reverse of rec: the wall time of a moment of the recording.
func (t timeline) wall(us int64) int64 {
	wall := t.epoch + us
	for _, c := range t.cuts {
		if from := max(c.from, t.epoch); wall >= from && c.to != never {
			wall += max(c.to-from, 0)
		}
	}
	return wall
}
