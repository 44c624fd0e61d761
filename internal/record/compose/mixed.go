package compose

import (
	"slices"
	"sort"

	"steno/internal/record/speakers"
)

// What a page shows of who speaks comes late and flickers; when somebody
// speaks, the sound knows better.
const (
	shownNear  = rate / 2      // of a turn: a sign that may belong to it, if none is in it
	shownGap   = rate * 7 / 10 // shorter gaps between two signs of a person are none
	shownLeast = rate / 4      // of a turn: a shorter sign beside others is what is left of the turn before
	lagMost    = rate * 6 / 10 // by which a sign is late
	lagSamples = 3             // that are needed to tell
)

// lags is how much later the page shows that somebody begins and ceases to
// speak than it is heard, in samples.
type lags struct{ on, off int64 }

// mixture gives turns that were heard on a track which nobody is bound to to the
// people whom the page showed speaking then, as one that carries a server's mix
// of everybody. Those who have audio of their own are not among them. What is
// nobody's stays with who stands for the track. Nil: it is not of that kind.
func (s *sound) mixture(t *track, who *person, turns []speakers.Turn, tl timeline) map[*person][]speakers.Turn {
	if t.unknown[0] != who || len(s.story.shown) == 0 {
		return nil
	}
	all := map[*person][]speakers.Turn{}
	for _, turn := range turns {
		said := s.shownIn(turn, s.lags[t], tl)
		if len(said) == 0 {
			all[who] = append(all[who], turn)
			continue
		}
		who.mix = true
		for p, list := range said {
			all[p] = append(all[p], list...)
		}
	}
	return all
}

// adopt binds a track that nobody was bound to after all to the only person whom
// the page ever showed speaking on it.
func (s *sound) adopt(v *voice, tl timeline) {
	who := v.t.unknown[0]
	if who == nil || len(v.t.binds) > 0 || v.turns[0] == nil {
		return
	}
	said := s.mixture(v.t, who, v.turns[0].done, tl)
	if len(said) != 1 || said[who] != nil {
		return
	}
	for p := range said {
		for id, q := range s.story.byID {
			if p == q {
				v.t.binds, who.gone = []binding{{at: v.t.at, id: id}}, true
				return
			}
		}
	}
}

// measureLags compares the signs with the beginnings and ends of turns of a mix;
// the median is right though some turns are several people's.
func (s *sound) measureLags(turns []speakers.Turn, tl timeline) lags {
	var on, off []int64
	for _, turn := range turns {
		for p, spans := range s.story.shown {
			list := signs(spans, turn, 0, tl, lags{})
			if len(list) == 0 || s.story.hasAudio(p) {
				continue
			}
			if d := list[0].From - turn.From; abs(d) < lagMost {
				on = append(on, d)
			}
			if d := list[len(list)-1].To - turn.To; abs(d) < lagMost {
				off = append(off, d)
			}
		}
	}
	middle := func(list []int64) int64 {
		if len(list) < lagSamples {
			return 0
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	return lags{middle(on), middle(off)}
}

// shared gives turns that were heard in a sound of which nothing more is known to
// the people whom the page showed speaking then.
func (s *sound) shared(turns []speakers.Turn) map[*person][]speakers.Turn {
	tl := s.story.timeline()
	l, all := s.measureLags(turns, tl), map[*person][]speakers.Turn{}
	for _, turn := range turns {
		for p, list := range s.shownIn(turn, l, tl) {
			if !p.self {
				all[p] = append(all[p], list...)
			}
		}
	}
	return all
}

// shownIn shares a turn among the people who are shown speaking in it: each from
// where the sign appears to where it goes, but the turn has no holes, and begins
// and ends with somebody.
func (s *sound) shownIn(turn speakers.Turn, l lags, tl timeline) map[*person][]speakers.Turn {
	said := s.signsIn(turn, 0, l, tl)
	if len(said) == 0 {
		said = s.signsIn(turn, shownNear, l, tl)
	}
	if len(said) == 0 {
		return nil
	}
	var edges []int64 // where somebody's begins
	for _, list := range said {
		for _, t := range list {
			edges = append(edges, t.From)
		}
	}
	slices.Sort(edges)
	shared := map[*person][]speakers.Turn{}
	for p, list := range said {
		for _, t := range list {
			whole := speakers.Turn{From: t.From, To: covered(said, t.To, edges, turn.To)}
			if t.From == edges[0] {
				whole.From = min(turn.From, t.From)
			}
			shared[p] = append(shared[p], whole)
		}
		shared[p] = clipped(shared[p], turn)
	}
	return shared
}

// signsIn lists the signs that reach into a turn or are near it.
func (s *sound) signsIn(turn speakers.Turn, near int64, l lags, tl timeline) map[*person][]speakers.Turn {
	said, most := map[*person][]speakers.Turn{}, int64(0)
	length := func(list []speakers.Turn) (n int64) {
		for _, t := range clipped(list, turn) {
			n += t.To - t.From
		}
		return n
	}
	for p, spans := range s.story.shown {
		if s.story.hasAudio(p) {
			continue
		}
		if list := signs(spans, turn, near, tl, l); len(list) > 0 {
			said[p], most = list, max(most, length(list))
		}
	}
	for p, list := range said {
		if length(list) < min(most, shownLeast) && list[0].From <= turn.From {
			delete(said, p)
		}
	}
	return said
}

// covered moves the end of a sign to where the next one begins if nobody is
// shown in between.
func covered(said map[*person][]speakers.Turn, end int64, edges []int64, last int64) int64 {
	for _, list := range said {
		for _, t := range list {
			if t.From <= end && t.To > end {
				return end
			}
		}
	}
	if i := sort.Search(len(edges), func(i int) bool { return edges[i] > end }); i < len(edges) {
		return edges[i]
	}
	return max(end, last)
}

// signs lists when a person is shown speaking in or near a turn, without gaps
// that are too short, as if it were shown at once.
func signs(spans []span, turn speakers.Turn, near int64, tl timeline, l lags) (list []speakers.Turn) {
	for i := len(spans) - 1; i >= 0; i-- {
		from, _ := tl.rec(spans[i].from)
		to := turn.To
		if spans[i].to != never {
			us, _ := tl.rec(spans[i].to)
			to = us*rate/1_000_000 - l.off
		}
		t := speakers.Turn{From: from*rate/1_000_000 - l.on, To: to}
		if t.To <= turn.From-near {
			break
		}
		if t.From >= turn.To+near || t.To <= t.From {
			continue
		}
		if n := len(list); n > 0 && list[n-1].From-t.To < shownGap {
			list[n-1].From = t.From
			continue
		}
		list = append(list, t)
	}
	slices.Reverse(list)
	return list
}

func clipped(list []speakers.Turn, turn speakers.Turn) (out []speakers.Turn) {
	for _, t := range list {
		t.From, t.To = max(t.From, turn.From), min(t.To, turn.To)
		if t.To > t.From {
			out = append(out, t)
		}
	}
	return out
}

// hasAudio reports whether some audio is known to be a person's.
func (s *story) hasAudio(p *person) bool {
	for _, t := range s.tracks {
		if t.Kind != "audio" {
			continue
		}
		for _, b := range t.binds {
			if s.byID[b.id] == p {
				return true
			}
		}
	}
	return false
}
