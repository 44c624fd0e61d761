package compose

import (
	"errors"
	"io"
	"sort"
)

// eye knows the frames of one video track: when each is to be seen and where
// it lies. It holds no pictures.
type eye struct {
	t     *track
	tail  *tail
	clock rtpClock

	ahead  *sight
	seen   []sight // read, wanting later arrivals to be stamped
	frames []sight // stamped, from the last keyframe on that still matters
	keyed  bool    // a keyframe has come: what follows can be decoded
}

// sight is one video frame.
type sight struct {
	place
	st      stamp
	arrival int64
	rtp     uint32
	key     bool
	csrc    uint32
	us      int64 // recording time
	hidden  bool  // within a pause: needed for what follows, not to be seen
}

func newEye(folder string, t *track) *eye {
	r := int64(t.ClockRate)
	if r <= 0 {
		r = 90000
	}
	return &eye{t: t, tail: newTail(folder, t.ID), clock: rtpClock{rate: r}}
}

// step takes in the frames that arrived up to a wall time.
func (e *eye) step(until int64, tl timeline) error {
	for {
		if e.ahead == nil {
			fr, at, err := e.tail.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			e.ahead = &sight{place: at, arrival: fr.Arrival, rtp: fr.RTP, key: fr.Key, csrc: source(fr.CSRCs)}
		}
		if e.ahead.arrival > until {
			break
		}
		s := *e.ahead
		e.ahead = nil
		s.st = e.clock.see(s.rtp, s.arrival)
		e.seen = append(e.seen, s)
	}
	n := 0
	for n < len(e.seen) && e.seen[n].arrival <= until-lookahead {
		s := e.seen[n]
		n++
		us, recorded := tl.rec(e.clock.at(s.st))
		s.us, s.hidden = us, !recorded
		if e.keyed = e.keyed || s.key; e.keyed {
			e.frames = append(e.frames, s)
		}
	}
	e.seen = append(e.seen[:0], e.seen[n:]...)
	return nil
}

// last returns the index of the last frame that is to be seen at a moment, or
// -1.
func (e *eye) last(us int64) int {
	i := sort.Search(len(e.frames), func(i int) bool { return e.frames[i].us > us }) - 1
	for i >= 0 && e.frames[i].hidden {
		i--
	}
	return i
}

// who is the person whom the track shows at a moment; nil for none.
func (e *eye) who(us int64, s *story, tl timeline) *person {
	csrc := uint32(0)
	if i := e.last(us); i >= 0 {
		csrc = e.frames[i].csrc
	}
	return s.who(e.t, tl.wall(us), csrc)
}

// key returns the index of the last keyframe at or before frame i.
func (e *eye) key(i int) int {
	for i > 0 && !e.frames[i].key {
		i--
	}
	return i
}

// forget drops what lies before the last keyframe at a moment, once that is
// worth the move. It returns how many frames are gone.
func (e *eye) forget(us int64) int {
	i := e.last(us)
	if i < 0 {
		return 0
	}
	k := e.key(i)
	if k < 200 {
		return 0
	}
	e.frames = append(e.frames[:0], e.frames[k:]...)
	return k
}

// linger is how long a camera's last frame is shown when no other follows, µs.
const linger = 1_500_000

// visible reports whether the track shows something at a moment. A screen
// that does not change sends nothing for long; a camera that sends nothing is
// off.
func (e *eye) visible(us int64, tl timeline) bool {
	i := e.last(us)
	if i < 0 {
		return false
	}
	if e.t.endedAt != 0 {
		if end, _ := tl.rec(e.t.endedAt); us >= end {
			return false
		}
	}
	return e.t.Screen || us-e.frames[i].us < linger
}
