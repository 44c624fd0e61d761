package compose

// rtpClock maps the RTP timestamps of one track to wall time. Frames come in
// late at times but never early, so the smallest difference between arrival
// and RTP time within a window is the truth; it is followed slowly, because
// the sender's clock drifts against ours. The result never runs backwards.
type rtpClock struct {
	rate  int64 // Hz
	began bool
	last  uint32
	ticks int64 // unwrapped
	prev  int64 // arrival of the frame before

	floors []floor
	// Of the mapping: the offset in use, and where it was set.
	set    bool
	run    int
	offset int64
	media  int64
	wall   int64
}

// floor is the smallest difference seen in one second of arrivals.
type floor struct {
	second int64
	min    int64
	run    int // counts restarts of the RTP timeline
}

const (
	window    = 30        // seconds of arrivals that the smallest difference is taken of
	lookahead = 2_000_000 // µs of later arrivals that must be known
	restart   = 10_000_000
)

// stamp is a frame's place on the track's own timeline.
type stamp struct {
	media   int64 // µs
	arrival int64
	run     int
}

// see takes in the next frame as it was received and returns its stamp. The
// wall time is asked for later, by at, when the frames of the next two seconds
// have been seen too.
func (c *rtpClock) see(rtp uint32, arrival int64) stamp {
	run := 0
	if n := len(c.floors); n > 0 {
		run = c.floors[n-1].run
	}
	if c.began {
		step := int64(int32(rtp - c.last))
		if diff := step*1_000_000/c.rate - (arrival - c.prev); diff > restart || diff < -restart {
			run++ // another sender behind the same track
		}
		c.ticks += step
	}
	c.began, c.last, c.prev = true, rtp, arrival
	st := stamp{media: c.ticks * 1_000_000 / c.rate, arrival: arrival, run: run}
	c.note(st)
	return st
}

func (c *rtpClock) note(st stamp) {
	diff, second := st.arrival-st.media, st.arrival/1_000_000
	n := len(c.floors)
	if n > 0 && c.floors[n-1].second == second && c.floors[n-1].run == st.run {
		c.floors[n-1].min = min(c.floors[n-1].min, diff)
		return
	}
	c.floors = append(c.floors, floor{second, diff, st.run})
}

// at returns the wall time of a frame. Stamps must be asked for in the order
// in which see returned them.
func (c *rtpClock) at(st stamp) int64 {
	target := c.target(st)
	if !c.set || st.run != c.run {
		c.set, c.run, c.offset = true, st.run, target
	} else {
		// Follow at half a percent of the time gone by, faster when far off,
		// but never so fast that it could be heard much.
		gone := min(max(st.media-c.media, 0), 4_000_000)
		off := target - c.offset
		step := min(max(gone/200, abs(off)*gone/4_000_000), gone/20)
		c.offset += max(-step, min(step, off))
	}
	c.media = st.media
	c.wall = max(c.wall, st.media+c.offset)
	return c.wall
}

// target is the smallest difference in the window around a frame, of its own
// run. Seconds that are too old are forgotten.
func (c *rtpClock) target(st stamp) int64 {
	second := st.arrival / 1_000_000
	for len(c.floors) > 1 && (c.floors[0].second < second-window || c.floors[0].run < st.run) {
		c.floors = c.floors[1:]
	}
	best := st.arrival - st.media
	for _, f := range c.floors {
		if f.run == st.run && f.second <= second+lookahead/1_000_000 {
			best = min(best, f.min)
		}
	}
	return best
}

func abs(v int64) int64 {
	if v < 0 {
		return -v
	}
	return v
}
