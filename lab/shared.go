package lab

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"

	"steno/lab/media"
)

const (
	sharedTracks = 3 // of each kind, as Google Meet has them
	// floorKept is how long somebody who fell silent keeps an audio track that
	// another wants.
	floorKept = 300 * time.Millisecond
)

// switchboard puts the people of a meeting on a few tracks that they share: the
// loudest, of whom there are never more than tracks, have an audio track, the
// last who spoke a video track. Packets name whom they come from as contributing
// source (RFC 3550 section 5.1); a track's sequence numbers and timestamps go on
// when it passes to another.
type switchboard struct {
	m            *Meeting
	audio, video []*slot

	mu    sync.Mutex
	spoke map[*person]time.Time
	due   map[*person]time.Time // when each sends next
	turns *sync.Cond            // due has changed
}

// slot is a shared track.
type slot struct {
	out    *source
	base   uint32
	seq    uint16
	zero   time.Time
	holder *person
}

func newSwitchboard(m *Meeting) *switchboard {
	s := &switchboard{m: m, spoke: map[*person]time.Time{}, due: map[*person]time.Time{}}
	s.turns = sync.NewCond(&s.mu)
	for _, n := range []string{"1", "2", "3"}[:sharedTracks] {
		s.audio = append(s.audio, newSlot(&source{id: "shared-a" + n, stream: "shared-a" + n, codec: opusCodec}))
		s.video = append(s.video, newSlot(&source{id: "shared-v" + n, stream: "shared-v" + n, codec: vp8Codec}))
	}
	return s
}

func newSlot(out *source) *slot {
	return &slot{out: out, base: rand.Uint32(), seq: uint16(rand.Uint32())}
}

// sources lists all tracks; they are there from the beginning.
func (s *switchboard) sources() (list []*source) {
	for _, slots := range [][]*slot{s.audio, s.video} {
		for _, x := range slots {
			list = append(list, x.out)
		}
	}
	return list
}

// expect is told when a person sends next.
func (s *switchboard) expect(p *person, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due[p] = due
	s.turns.Broadcast()
}

// turn waits until nobody has to send something from before a moment: on a busy
// machine one may be behind another, whose place on a track it takes, and time would
// run backwards on that track.
func (s *switchboard) turn(due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.behind(due) {
		s.turns.Wait()
	}
}

func (s *switchboard) behind(due time.Time) bool {
	for _, at := range s.due {
		if at.Before(due) {
			return true
		}
	}
	return false
}

// gone is called when a person sends nothing any more.
func (s *switchboard) gone(p *person) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.due, p)
	s.turns.Broadcast()
}

// speak sends a packet of somebody's audio, unless all tracks are taken.
func (s *switchboard) speak(p *person, pkt *rtp.Packet, now moment, voice bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := held(s.audio, p)
	if voice {
		if s.spoke[p] = now.at; x == nil {
			x = s.floor(now.at)
		}
	}
	if x == nil {
		return
	}
	if x.holder != p {
		x.holder, pkt.Marker = p, true
	}
	x.send([]*rtp.Packet{pkt}, now, media.SampleRate, true)
}

// floor returns the audio track whose holder has been silent for longest; nil
// if all speak.
func (s *switchboard) floor(now time.Time) (free *slot) {
	for _, x := range s.audio {
		if x.holder == nil || !x.holder.here.Load() {
			return x
		}
		if now.Sub(s.spoke[x.holder]) > floorKept && (free == nil || s.spoke[x.holder].Before(s.spoke[free.holder])) {
			free = x
		}
	}
	return free
}

// show sends a frame of somebody's video, if it is one of those that are shown.
func (s *switchboard) show(p *person, pkts []*rtp.Packet, now moment, key bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := held(s.video, p)
	if x == nil && key {
		shown := s.shown()
		for _, y := range s.video {
			if slices.Contains(shown, p) && !slices.Contains(shown, y.holder) {
				x, y.holder = y, p
				s.m.carry(y.out, p)
				break
			}
		}
	}
	if x != nil {
		x.send(pkts, now, 90000, key)
	}
}

// shown lists who has a video track: those who spoke last, else whoever came
// first.
func (s *switchboard) shown() []*person {
	var list []*person
	for _, p := range s.m.cameras() {
		if p.here.Load() {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(a, b *person) int { return s.spoke[b].Compare(s.spoke[a]) })
	return list[:min(len(list), sharedTracks)]
}

// holder returns whom a shared video track shows, nil for none.
func (s *switchboard) holder(src *source) *person {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.video {
		if x.out == src {
			return x.holder
		}
	}
	return nil
}

func held(slots []*slot, p *person) *slot {
	for _, x := range slots {
		if x.holder == p {
			return x
		}
	}
	return nil
}

// send writes the packets of one frame of the holder at their place in the
// track.
func (x *slot) send(pkts []*rtp.Packet, now moment, clock int64, key bool) {
	if x.zero.IsZero() {
		x.zero = now.at
	}
	now.rtp = x.base + uint32(now.at.Sub(x.zero).Microseconds()*clock/1e6)
	token := x.holder.number << 1
	if clock == 90000 {
		token |= 1
	}
	for _, p := range pkts {
		p.SequenceNumber, p.Timestamp, p.CSRC = x.seq, now.rtp, []uint32{token}
		x.seq++
	}
	x.out.write(pkts, now, key)
	if now.at.Sub(x.out.reported) >= time.Second {
		x.out.reported = now.at
		x.out.report(now)
	}
}

// names gives the people of a meeting contributing sources, to each guest
// others: a number for audio and the next one for video. The numbers of those
// who have left go to who comes next.
type names struct {
	mu   sync.Mutex
	base uint32
	of   map[uint32]uint32 // number of the person → place
}

func newNames() *names { return &names{base: rand.Uint32() &^ 1, of: map[uint32]uint32{}} }

// update takes in who is there.
func (n *names) update(here []uint32) {
	n.mu.Lock()
	defer n.mu.Unlock()
	taken := map[uint32]bool{}
	for number, place := range n.of {
		if slices.Contains(here, number) {
			taken[place] = true
		} else {
			delete(n.of, number)
		}
	}
	for _, number := range here {
		if _, ok := n.of[number]; ok {
			continue
		}
		place := uint32(0)
		for taken[place] {
			place++
		}
		n.of[number], taken[place] = place, true
	}
}

// csrc is the contributing source of a token that a slot put into a packet; nil
// for somebody who is not there any more.
func (n *names) csrc(token uint32) []uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	place, ok := n.of[token>>1]
	if !ok {
		return nil
	}
	return []uint32{n.base + place<<1 + token&1}
}
