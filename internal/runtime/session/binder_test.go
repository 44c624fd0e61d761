package session

import (
	"maps"
	"testing"
	"time"

	"steno/internal/platform"
	"steno/internal/record/journal"
	"steno/internal/record/tracks"
)

// hall is a meeting as a binder sees it: who speaks, on which source.
type hall struct {
	b       *binder
	now     time.Time
	people  []string
	sources map[uint32]*tracks.Contributor
	late    time.Duration // of the page's signs
	signs   []platform.Turn
	shown   map[string]bool
	told    []platform.Source
}

func newHall(people ...string) *hall {
	return &hall{b: newBinder(), now: time.Unix(1_790_000_000, 0), people: people, sources: map[uint32]*tracks.Contributor{}, late: 200 * time.Millisecond, shown: map[string]bool{}}
}

// speak lets people speak on their sources for a while.
func (h *hall) speak(length time.Duration, who map[uint32]string) {
	for p := range maps.Values(who) {
		h.signs = append(h.signs, platform.Turn{Person: p, On: true, At: h.now.Add(h.late)})
	}
	for end := h.now.Add(length); h.now.Before(end); h.now = h.now.Add(20 * time.Millisecond) {
		for csrc := range who {
			c := h.sources[csrc]
			if c == nil {
				c = &tracks.Contributor{Track: "t1", CSRC: csrc}
				h.sources[csrc] = c
			}
			c.LastSound = h.now
			c.Note(h.now)
		}
		if h.now.UnixMilli()%1000 == 0 {
			h.look()
		}
	}
	for p := range maps.Values(who) {
		h.signs = append(h.signs, platform.Turn{Person: p, On: false, At: h.now.Add(h.late)})
	}
}

func (h *hall) look() {
	o := platform.Observation{Roster: []platform.Person{{ID: "me", Self: true}}, Speaking: []string{}, Sources: h.told}
	for _, p := range h.people {
		o.Roster = append(o.Roster, platform.Person{ID: p, Name: p})
	}
	for len(h.signs) > 0 && !h.signs[0].At.After(h.now) {
		o.Turns = append(o.Turns, h.signs[0])
		h.shown[h.signs[0].Person] = h.signs[0].On
		h.signs = h.signs[1:]
	}
	for p, on := range h.shown {
		if on {
			o.Speaking = append(o.Speaking, p)
		}
	}
	h.b.take(o, h.contributors(), h.now)
}

func (h *hall) contributors() (list []tracks.Contributor) {
	for _, c := range h.sources {
		list = append(list, *c)
	}
	return list
}

func TestBindingRules(t *testing.T) {
	type who = map[uint32]string
	quiet := func(h *hall) { h.speak(1500*time.Millisecond, nil) }
	for name, c := range map[string]struct {
		people []string
		play   func(h *hall)
		want   who
	}{
		"one after the other": {[]string{"a", "b", "c"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.speak(3*time.Second, who{2: "b"})
			quiet(h)
		}, who{1: "a", 2: "b"}},
		"too short to tell": {[]string{"a", "b"}, func(h *hall) {
			h.speak(300*time.Millisecond, who{1: "a"})
			quiet(h)
		}, who{}},
		"always at once": {[]string{"a", "b"}, func(h *hall) {
			h.speak(5*time.Second, who{1: "a", 2: "b"})
			quiet(h)
		}, who{}},
		"only ever over another": {[]string{"a", "b"}, func(h *hall) {
			h.speak(4*time.Second, who{1: "a"})
			h.speak(3*time.Second, who{1: "a", 2: "b"})
			quiet(h)
		}, who{1: "a", 2: "b"}},
		"somebody whom the page does not show": {[]string{"a", "b"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.speak(5*time.Second, who{2: "not in the roster"})
			quiet(h)
		}, who{1: "a"}},
		"told": {[]string{"a", "b"}, func(h *hall) {
			h.told = []platform.Source{{CSRC: 1, Person: "b"}, {CSRC: 7, Person: "nobody"}}
			h.look()
		}, who{1: "b"}},
		"told otherwise than seen": {[]string{"a", "b"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.told = []platform.Source{{CSRC: 1, Person: "b"}}
			h.look()
		}, who{1: "b"}},
		"taken by another when somebody left": {[]string{"a", "b"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.people = []string{"b", "c"}
			quiet(h)
			h.speak(3*time.Second, who{1: "c"})
			quiet(h)
		}, who{1: "c"}},
		"left, and nobody took it": {[]string{"a", "b"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.people = []string{"b"}
			quiet(h)
		}, who{}},
		"taken by another who was there": {[]string{"a", "b"}, func(h *hall) {
			h.speak(3*time.Second, who{1: "a"})
			quiet(h)
			h.speak(12*time.Second, who{1: "b"})
			quiet(h)
		}, who{1: "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(c.people...)
			c.play(h)
			if !maps.Equal(h.b.whose, c.want) {
				t.Errorf("%v, want %v; votes %+v", h.b.whose, c.want, h.b.votes)
			}
		})
	}
}

// A tile that plays a track says whose its source is, but not while the source
// changes.
func TestTileTellsWhoseASourceIs(t *testing.T) {
	h := newHall("a", "b")
	play := func(csrc uint32, person string, seconds int) {
		for range seconds * 10 {
			c := h.sources[csrc]
			if c == nil {
				c = &tracks.Contributor{Track: "t1", CSRC: csrc}
				h.sources[csrc] = c
			}
			c.Note(h.now)
			if h.now.UnixMilli()%1000 == 0 {
				h.look()
				h.b.shows("t1", person, h.contributors(), h.now)
			}
			h.now = h.now.Add(100 * time.Millisecond)
		}
	}
	play(1, "a", 4)
	play(2, "a", 1) // the tile is not changed yet
	play(2, "b", 4)
	if want := map[uint32]string{1: "a", 2: "b"}; !maps.Equal(h.b.whose, want) {
		t.Errorf("%v, want %v", h.b.whose, want)
	}
}

// A bot can die at the first word of somebody: whose their source is has to be
// in the journal by then.
func TestWhatIsToldOfASourceIsKeptBeforeItIsHeard(t *testing.T) {
	w := newWorld(t, nil)
	o := inCall("me")
	o.Speaking, o.Sources = []string{}, []platform.Source{{CSRC: 11, Person: "p1"}, {CSRC: 22, Person: "p2"}}
	w.set(func() {
		w.sources = []tracks.Contributor{{Track: "t1", CSRC: 11, LastFrame: time.Now(), LastSound: time.Now()}}
	})
	w.show(o)
	p := w.start()
	bound := func(entries []journal.Entry) map[uint32]string {
		all := map[uint32]string{}
		for _, e := range entries {
			if e.Bind != nil && e.Bind.Track == "t1" {
				all[e.Bind.CSRC] = e.Bind.Person
			}
		}
		return all
	}
	w.until("both are bound", func(entries []journal.Entry) bool {
		return maps.Equal(bound(entries), map[uint32]string{11: "p1", 22: "p2"})
	})

	o.Sources = []platform.Source{{CSRC: 11, Person: "p1"}, {CSRC: 22, Person: "p1"}}
	w.show(o)
	w.until("the other's is given to the first", func(entries []journal.Entry) bool { return bound(entries)[22] == "p1" })
	p.leave <- "test"
	if err := p.wait(); err != nil {
		t.Fatal(err)
	}
}
