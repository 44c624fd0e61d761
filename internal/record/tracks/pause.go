package tracks

import "time"

// pause is a stretch of time of which nothing is written, Unix microseconds.
type pause struct{ from, to int64 }

const (
	never = int64(1) << 62
	// keepPauses is how many pauses are remembered: frames come in late by a
	// fraction of a second, not by several pauses.
	keepPauses = 4
)

// Pause keeps what arrives from that moment on from the disk; with on false,
// what arrives before it. Frames go by their arrival, so that those which are
// still on their way to the Recorder fall on the right side. Tracks and
// Activity go on as if nothing had happened.
func (r *Recorder) Pause(at time.Time, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	us := at.UnixMicro()
	if at.IsZero() {
		us = 0
	}
	n := len(r.pauses)
	open := n > 0 && r.pauses[n-1].to == never
	switch {
	case on && !open:
		if n == keepPauses {
			r.pauses = r.pauses[1:]
		}
		r.pauses = append(r.pauses, pause{us, never})
	case !on && open:
		r.pauses[n-1].to = us
	}
}

// withheld reports whether a frame is not to be written: it came in a pause, or
// is video that cannot be decoded because of one.
func (r *Recorder) withheld(t *track, s sample) bool {
	for _, p := range r.pauses {
		if s.arrival >= p.from && s.arrival < p.to {
			t.broken = t.entry.Kind == "video"
			return true
		}
	}
	if t.broken && !s.key {
		return true
	}
	t.broken = false
	return false
}
