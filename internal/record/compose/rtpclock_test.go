package compose

import (
	"math"
	"math/rand"
	"testing"
)

// Over an hour of drift, jitter, bursts and wraps every frame's time stays
// within a few milliseconds of the truth and never runs backwards.
func TestClockOverAnHour(t *testing.T) {
	for _, drift := range []float64{-100e-6, 0, 100e-6} {
		rng := rand.New(rand.NewSource(3))
		c := rtpClock{rate: 48000}
		const delay = 50_000
		var stamps []stamp
		var truth []int64
		base := uint32(math.MaxUint32 - 48000*600)
		for i := range 3600 * 50 {
			sent := int64(i) * 20_000
			arrival := sent + delay + rng.Int63n(30_000)
			if i%9000 > 8900 { // every three minutes what comes late comes at once
				arrival = int64(i-i%9000+9001)*20_000 + delay
			}
			rtp := base + uint32(float64(i)*960*(1+drift))
			stamps = append(stamps, c.see(rtp, arrival))
			truth = append(truth, sent+delay)
			if i < 150 {
				continue // two seconds ahead are known
			}
			j := i - 150
			got, before := c.at(stamps[j]), c.wall
			if off := got - truth[j]; off < -6000 || off > 8000 {
				t.Fatalf("drift %g: frame %d is off by %d µs", drift, j, off)
			}
			if got < before {
				t.Fatalf("frame %d runs backwards", j)
			}
		}
	}
}

func TestClockStartsAnewWithAnotherSender(t *testing.T) {
	c := rtpClock{rate: 48000}
	var last int64
	for i := range 400 {
		rtp := uint32(i * 960)
		if i >= 200 {
			rtp += 0x6000_0000
		}
		arrival := int64(i) * 20_000
		if got := c.at(c.see(rtp, arrival)); got < last || abs(got-arrival) > 1000 {
			t.Fatalf("frame %d at %d µs, want %d", i, got, arrival)
		} else {
			last = got
		}
	}
}
