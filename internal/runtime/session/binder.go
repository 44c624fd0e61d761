package session

import (
	"maps"
	"slices"
	"time"

	"steno/internal/platform"
	"steno/internal/record/tracks"
)

// How a contributing source is told by who is shown speaking while it is to be
// heard. Times are tenths of a second.
const (
	signLate   = 4   // a page shows speech so much later than it is heard, at most
	mediaLate  = 5   // media come so much later, at most
	votesLeast = 8   // that it takes
	votesMost  = 200 // beyond which older ones count for less
	looksLeast = 2   // at a track's tile that it takes
)

// binder finds out whose the contributing sources are that several people's
// tracks name, within one connection. In this order it believes: what the
// platform tells its page; whose tile plays a track at the moment; and who is
// shown speaking whenever a source is to be heard and not when it is not. A
// person has one source of audio, so whoever is known is nobody else.
type binder struct {
	whose map[uint32]string // source → person

	told  map[uint32]string // of these, what the platform tells
	votes map[uint32]*votes
	looks map[uint32]map[string]int // tiles seen, by source and person
	shown map[string][]shownSpan    // person → when the page showed that they speak
	heard map[uint32]bool           // sources of audio
	here  map[string]bool
	done  int64 // the last tenth that was counted
}

// votes are those of a source: in how many tenths it was to be heard, and in how
// many of these each person was shown.
type votes struct {
	all int
	of  map[string]int
}

// shownSpan is a stretch of tenths, to included; open ones go on.
type shownSpan struct {
	from, to int64
	open     bool
}

func newBinder() *binder {
	return &binder{
		whose: map[uint32]string{}, told: map[uint32]string{}, votes: map[uint32]*votes{},
		looks: map[uint32]map[string]int{}, shown: map[string][]shownSpan{}, heard: map[uint32]bool{}, here: map[string]bool{},
	}
}

// shared reports whether a track carries several people.
func shared(track string, sources []tracks.Contributor) bool {
	n := 0
	for _, c := range sources {
		if c.Track == track {
			n++
		}
	}
	return n > 1
}

// take takes in a look at the page, and what was heard until then.
func (b *binder) take(o platform.Observation, sources []tracks.Contributor, now time.Time) {
	b.roster(o.Roster)
	for _, s := range o.Sources {
		if b.here[s.Person] && b.told[s.CSRC] != s.Person {
			b.told[s.CSRC], b.whose[s.CSRC] = s.Person, s.Person
		}
	}
	tenth := now.UnixMilli() / 100
	if o.Speaking != nil {
		b.signs(o, tenth)
		b.count(sources, tenth)
	}
	b.decide()
}

// roster forgets what was known of those who left: their sources may be given
// to others.
func (b *binder) roster(people []platform.Person) {
	if people == nil {
		return
	}
	here := map[string]bool{}
	for _, p := range people {
		here[p.ID] = !p.Self
	}
	for p := range b.here {
		if here[p] {
			continue
		}
		for csrc, who := range b.whose {
			if who == p {
				b.forget(csrc)
			}
		}
		delete(b.shown, p)
	}
	b.here = here
}

func (b *binder) forget(csrc uint32) {
	delete(b.whose, csrc)
	delete(b.told, csrc)
	delete(b.votes, csrc)
	delete(b.looks, csrc)
}

// signs notes when people are shown speaking.
func (b *binder) signs(o platform.Observation, tenth int64) {
	sign := func(p string, on bool, at int64) {
		list := b.shown[p]
		n := len(list)
		open := n > 0 && list[n-1].open
		switch {
		case on && !open:
			list = append(list, shownSpan{from: at, open: true})
		case !on && open:
			list[n-1].to, list[n-1].open = at, false
		}
		b.shown[p] = slices.DeleteFunc(list, func(s shownSpan) bool { return !s.open && s.to < tenth-tracks.Tenths })
	}
	for _, t := range o.Turns {
		sign(t.Person, t.On, t.At.UnixMilli()/100)
	}
	for p := range b.here {
		sign(p, slices.Contains(o.Speaking, p), tenth)
	}
}

// speaks reports whether the page showed somebody speaking in a tenth, or a
// little later.
func (b *binder) speaks(p string, tenth int64) bool {
	return slices.ContainsFunc(b.shown[p], func(s shownSpan) bool {
		return s.from <= tenth+signLate && (s.open || s.to >= tenth)
	})
}

// count adds up the tenths since the last look of which all is known by now.
func (b *binder) count(sources []tracks.Contributor, tenth int64) {
	from := max(b.done+1, tenth-tracks.Tenths+1)
	b.done = tenth - max(signLate, mediaLate)
	for _, c := range sources {
		if c.LastSound.IsZero() {
			continue
		}
		b.heard[c.CSRC] = true
		v := b.votes[c.CSRC]
		if v == nil {
			v = &votes{of: map[string]int{}}
			b.votes[c.CSRC] = v
		}
		for at := from; at <= b.done; at++ {
			if !c.In(at) {
				continue
			}
			v.all++
			for p, here := range b.here {
				if here && b.speaks(p, at) {
					v.of[p]++
				}
			}
		}
		for v.all > votesMost {
			v.all /= 2
			for p := range v.of {
				v.of[p] /= 2
			}
		}
	}
}

// shows notes that a person's tile plays a track just now. A source that has
// just begun or ended on it may be another's.
func (b *binder) shows(track, person string, sources []tracks.Contributor, now time.Time) {
	tenth, found := now.UnixMilli()/100, uint32(0)
	for _, c := range sources {
		if c.Track != track {
			continue
		}
		for back := int64(1); back <= 2*mediaLate; back++ {
			if c.In(tenth-back) && found != c.CSRC {
				if found != 0 {
					return
				}
				found = c.CSRC
			}
		}
	}
	if found == 0 || b.told[found] != "" {
		return
	}
	looks := b.looks[found]
	if looks == nil {
		looks = map[string]int{}
		b.looks[found] = looks
	}
	if looks[person]++; looks[person] >= looksLeast && looks[person] > 2*most(looks, person) {
		b.whose[found] = person
	}
	for p := range looks { // what was long ago counts for less
		looks[p] = min(looks[p], 2*looksLeast)
		if p != person {
			looks[p] = max(0, looks[p]-1)
		}
	}
}

// most is the largest number of all but one.
func most(of map[string]int, but string) (n int) {
	for p, k := range of {
		if p != but {
			n = max(n, k)
		}
	}
	return n
}

// decide says whose a source of audio is where that is beyond doubt.
func (b *binder) decide() {
	for again := true; again; {
		again = false
		for _, csrc := range slices.Sorted(maps.Keys(b.votes)) {
			v, who := b.votes[csrc], b.whose[csrc]
			switch {
			case b.told[csrc] != "" || v.all < votesLeast:
			case who == "":
				if p := b.candidate(csrc, v); p != "" {
					b.whose[csrc], again = p, true
				}
			case v.of[who]*10 < v.all*4 && v.all >= 2*votesLeast: // another speaks on it now
				b.forget(csrc)
			}
		}
	}
}

// candidate is the one person who is shown whenever a source is to be heard; of
// several, those drop out who are known to be another source.
func (b *binder) candidate(csrc uint32, v *votes) string {
	free := maps.Clone(v.of)
	for other, p := range b.whose {
		if other != csrc && b.heard[other] {
			delete(free, p)
		}
	}
	for p, n := range free {
		if n*10 >= v.all*7 && n*10 >= 15*most(free, p) && n >= votesLeast {
			return p
		}
	}
	return ""
}
