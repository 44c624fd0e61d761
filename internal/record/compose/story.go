package compose

import (
	"cmp"
	"fmt"
	"slices"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

// story is what the journal has told so far: who was there, which track
// carries whom, what is missing. Times are wall times, Unix microseconds.
type story struct {
	epoch    int64
	hasEpoch bool
	ended    bool
	endAt    int64 // of the End entry or of call_ended, whichever is first
	endSeq   int64
	alive    int64 // last sign that the bot was recording
	pulse    int64 // last sign of the media path
	session  int64 // when the last process took over, before the end
	failed   bool  // the end was a failure

	pauses []span
	gaps   []span
	people []*person // in order of appearance; the bot itself is among them
	byID   map[string]*person
	tracks []*track
	byName map[string]*track // by track id
	line   int               // counts the connections that tracks came over
	chats  []journal.Chat
	// captions by their id, in the order in which they began.
	captions   map[string]journal.Caption
	captionIDs []string

	shown map[*person][]span // when the page showed that they speak; the last may go on
	last  int64              // time of the last entry
}

// span is a stretch of time, [from, to).
type span struct{ from, to int64 }

const never = int64(1) << 62

// person is one participant, however often they came and went.
type person struct {
	name, display, picture string
	self                   bool
	gone                   bool // was a stand-in for somebody who is known now
	mix                    bool // stands for a mix of people of whom the page shows who speaks
	presence               []span
	order                  int
}

func (p *person) here() bool {
	n := len(p.presence)
	return n > 0 && p.presence[n-1].to == never
}

func (p *person) hereAt(wall int64) bool {
	for _, s := range p.presence {
		if wall >= s.from && wall < s.to {
			return true
		}
	}
	return false
}

// leftBy reports whether somebody was there and left before a moment.
func (p *person) leftBy(wall int64) bool {
	gone := false
	for _, s := range p.presence {
		if s.from <= wall {
			gone = s.to <= wall
		}
	}
	return gone
}

func (p *person) enter(at int64) {
	if !p.here() {
		p.presence = append(p.presence, span{at, never})
	}
}

func (p *person) leave(at int64) {
	if p.here() {
		p.presence[len(p.presence)-1].to = at
	}
}

// track is a media track and whom it carried when.
type track struct {
	journal.Track
	at      int64
	endedAt int64
	binds   []binding
	line    int                // story.line when it appeared
	sources map[uint32]bool    // contributing sources that were seen
	unknown map[uint32]*person // stand in while nobody is bound, by contributing source
}

type binding struct {
	at     int64
	id     string
	csrc   uint32
	screen bool
}

// shared reports whether a track carries several people one after the other,
// told apart by contributing sources.
func (t *track) shared() bool {
	return len(t.sources) > 1 || slices.ContainsFunc(t.binds, func(b binding) bool { return b.csrc != 0 })
}

func newStory() *story {
	return &story{byID: map[string]*person{}, byName: map[string]*track{}, shown: map[*person][]span{}}
}

// apply takes in the next entry.
func (s *story) apply(e journal.Entry) {
	at := e.At.UnixMicro()
	defer func() { s.last = at }()
	if e.End == nil && e.State == nil && e.Session == nil && e.Note == nil && e.Gap == nil && !s.ended {
		s.alive = max(s.alive, at)
	}
	switch {
	case e.Epoch != nil && !s.hasEpoch:
		s.epoch, s.hasEpoch = e.Epoch.UnixMicro, true
		s.alive, s.pulse = max(s.alive, s.epoch), s.epoch
	case e.Session != nil:
		if !s.ended {
			s.session = at
		}
		s.line++
		// Whoever was in the room when the bot died is told anew.
		for _, p := range s.people {
			p.leave(at)
			s.speaks(p, false, s.last)
		}
	case e.Person != nil:
		s.seen(*e.Person, at)
	case e.Track != nil:
		s.track(*e.Track, at)
	case e.Bind != nil:
		s.bind(*e.Bind, at)
	case e.Speech != nil:
		s.speaks(s.byID[e.Speech.Person], e.Speech.On, cmp.Or(e.Speech.UnixMicro, at))
	case e.Pause != nil:
		s.pause(e.Pause.On, cmp.Or(e.Pause.UnixMicro, at))
	case e.Gap != nil:
		s.gaps = append(s.gaps, span{e.Gap.From, e.Gap.To})
	case e.Pulse != nil:
		s.pulse = at
	case e.Chat != nil:
		s.chats = append(s.chats, *e.Chat)
	case e.Caption != nil:
		s.caption(*e.Caption)
	case e.State != nil && e.State.Code == bot.CallEnded && !s.ended:
		s.endAt = at
	case e.End != nil && !s.ended:
		s.ended, s.endSeq, s.failed = true, e.Seq, !e.End.Code.Normal()
		if s.endAt == 0 {
			s.endAt = at
		}
	}
}

// caption keeps the last that was seen of a line.
func (s *story) caption(c journal.Caption) {
	if _, known := s.captions[c.ID]; !known {
		s.captionIDs = append(s.captionIDs, c.ID)
	}
	if s.captions == nil {
		s.captions = map[string]journal.Caption{}
	}
	s.captions[c.ID] = c
}

// seen notes a roster entry. Somebody who comes back under a new id but the
// same name is the same person; two who are there at once are two.
func (s *story) seen(j journal.Person, at int64) {
	p := s.byID[j.ID]
	if p == nil {
		p = s.returned(j)
	}
	if p == nil {
		p = s.newPerson()
	}
	s.byID[j.ID] = p
	if j.Name != "" {
		p.name = j.Name
	}
	if j.DisplayName != "" {
		p.display = j.DisplayName
	}
	if j.Picture != "" {
		p.picture = j.Picture
	}
	p.self = p.self || j.Self
	if j.Left {
		p.leave(at)
		return
	}
	p.enter(at)
}

func (s *story) returned(j journal.Person) *person {
	for _, p := range s.people {
		if j.Name != "" && p.name == j.Name && p.self == j.Self && !p.here() {
			return p
		}
	}
	return nil
}

func (s *story) newPerson() *person {
	p := &person{order: len(s.people)}
	s.people = append(s.people, p)
	return p
}

func (s *story) track(j journal.Track, at int64) {
	t := s.byName[j.ID]
	if t == nil {
		if !slices.ContainsFunc(s.tracks, func(o *track) bool { return o.line == s.line && o.endedAt == 0 }) {
			s.line++
		}
		t = &track{Track: j, at: at, line: s.line, sources: map[uint32]bool{}, unknown: map[uint32]*person{}}
		s.byName[j.ID] = t
		s.tracks = append(s.tracks, t)
	}
	t.Screen = t.Screen || j.Screen
	if j.Ended && t.endedAt == 0 {
		t.endedAt = at
		for _, p := range t.unknown {
			p.leave(at)
		}
	}
}

// speaks notes that the page showed that somebody began or ceased to speak.
func (s *story) speaks(p *person, on bool, at int64) {
	if p == nil || p.self {
		return
	}
	list := s.shown[p]
	n := len(list)
	open := n > 0 && list[n-1].to == never
	switch {
	case on && !open:
		s.shown[p] = append(list, span{at, never})
	case !on && open:
		list[n-1].to = max(at, list[n-1].from)
	}
}

func (s *story) bind(j journal.Bind, at int64) {
	if s.byID[j.Person] == nil && j.Person != "" {
		p := s.newPerson()
		s.byID[j.Person] = p
		p.enter(at)
	}
	t := s.byName[j.Track]
	if t == nil {
		return
	}
	for _, o := range s.tracks {
		for csrc, p := range o.unknown {
			if o == t && j.CSRC == 0 || o.line == t.line && csrc == j.CSRC && csrc != 0 {
				p.gone = true
			}
		}
	}
	t.binds = append(t.binds, binding{at: at, id: j.Person, csrc: j.CSRC, screen: j.Screen})
	t.Screen = t.Screen || j.Screen
}

// rescued reports whether the End entry was written by somebody else than the
// process that recorded last, given the last sign of recording.
func (s *story) rescued(alive int64) bool { return s.failed || s.session > alive }

func (s *story) pause(on bool, at int64) {
	n := len(s.pauses)
	open := n > 0 && s.pauses[n-1].to == never
	switch {
	case on && !open:
		s.pauses = append(s.pauses, span{at, never})
	case !on && open:
		s.pauses[n-1].to = at
	}
}

// who tells whom a track carried at a moment, with a contributing source (0:
// none is named): the last binding before it, or the first one after it, because
// a track is heard before it is named. Nobody bound: somebody unknown, the same
// for all tracks of a stream or of a source.
func (s *story) who(t *track, wall int64, csrc uint32) *person {
	if csrc != 0 {
		t.sources[csrc] = true
		if p := t.unknown[0]; p != nil && t.shared() {
			p.gone = true
		}
		if p := s.contributes(t, wall, csrc); p != nil {
			return p
		}
	}
	if p := s.bound(t, wall, 0); p != nil {
		return p
	}
	if t.shared() && (csrc == 0 || t.Kind == "video") {
		return nil // a pause, or a picture whose person is not known yet
	}
	if p := s.sibling(t, wall); p != nil {
		return p
	}
	if t.Screen {
		return nil
	}
	p := t.unknown[csrc]
	if p == nil || p.gone {
		p = s.stranger(t, csrc)
		t.unknown[csrc] = p
	}
	return p
}

// contributes tells whose a contributing source is. It is the same on all
// tracks of a connection (RFC 3550 section 8.2).
func (s *story) contributes(t *track, wall int64, csrc uint32) *person {
	if p := s.bound(t, wall, csrc); p != nil {
		return p
	}
	for _, o := range s.tracks {
		if o != t && o.line == t.line {
			if p := s.bound(o, wall, csrc); p != nil {
				return p
			}
		}
	}
	return nil
}

// bound looks among the bindings of a source of a track. Whoever has left is
// not heard any more: then the source is already the next one's, who was named
// a moment later.
func (s *story) bound(t *track, wall int64, csrc uint32) *person {
	var found *person
	for _, b := range t.binds {
		if b.csrc != csrc {
			continue
		}
		if found != nil && b.at > wall {
			if csrc != 0 && found.leftBy(wall) {
				found = s.byID[b.id]
			}
			break
		}
		found = s.byID[b.id]
	}
	return found
}

// sibling finds the person by another track of the same stream.
func (s *story) sibling(t *track, wall int64) *person {
	if t.StreamID == "" || t.Screen || t.shared() {
		return nil
	}
	for _, o := range s.tracks {
		if o != t && o.StreamID == t.StreamID && !o.Screen {
			if p := s.bound(o, wall, 0); p != nil {
				return p
			}
		}
	}
	return nil
}

func (s *story) stranger(t *track, csrc uint32) *person {
	for _, o := range s.tracks {
		same := csrc != 0 && o.line == t.line || csrc == 0 && t.StreamID != "" && o.StreamID == t.StreamID
		if p := o.unknown[csrc]; o != t && same && p != nil && !p.gone {
			return p
		}
	}
	p := s.newPerson()
	p.presence = []span{{t.at, never}}
	return p
}

// participants lists those who count (never the bot) in order of appearance,
// with numbers from 1 and names.
func (s *story) participants(counts func(*person) bool) []*participant {
	var list []*participant
	others := 0
	for _, p := range s.people {
		if p.self || p.gone {
			continue
		}
		others++
		if !counts(p) {
			continue
		}
		one := &participant{person: p, n: len(list) + 1, name: p.name, alias: fmt.Sprintf("Participant %d", others)}
		if one.name == "" {
			one.name = one.alias
		}
		list = append(list, one)
	}
	return list
}

// participant is a person with the number and the name that the artifacts
// show.
type participant struct {
	*person
	n     int
	name  string
	alias string // for pictures, where the font cannot write the name
}
