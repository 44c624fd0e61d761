package throttle

import (
	"slices"
	"time"
)

// widenAfter is how long a narrowed mailbox goes without a refusal before it
// gets more slots again.
const widenAfter = time.Minute

// slots are the calls that a mailbox may have in flight, given out in the order
// in which they were asked for. The limiter's lock guards them.
type slots struct {
	most    int // 0: no bound
	width   int // of these now; fewer than most while others crowd the mailbox
	busy    int
	waiting []chan struct{}
	changed time.Time // of width
}

// open is a turn that has come.
var open = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// take asks for a slot: it is the caller's when the channel is closed.
func (s *slots) take() chan struct{} {
	if s.most == 0 {
		return open
	}
	turn := make(chan struct{})
	s.waiting = append(s.waiting, turn)
	s.give(0)
	return turn
}

// give takes n slots back and passes on what is free.
func (s *slots) give(n int) {
	if s.most == 0 {
		return
	}
	s.busy -= n
	for s.busy < s.width && len(s.waiting) > 0 {
		close(s.waiting[0])
		s.waiting = s.waiting[1:]
		s.busy++
	}
}

// leave ends the wait for a turn, also one that has come meanwhile.
func (s *slots) leave(turn chan struct{}) {
	if i := slices.Index(s.waiting, turn); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return
	}
	s.give(1)
}

func (s *slots) narrow(now time.Time) {
	s.width, s.changed = max(1, s.width/2), now
}

func (s *slots) widen(now time.Time) {
	if s.width < s.most && now.Sub(s.changed) >= widenAfter {
		s.width, s.changed = min(s.most, 2*s.width), now
	}
}
