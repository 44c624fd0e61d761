package stream

import "math"

// resampler changes the rate of a stream by a windowed sinc, by up/down. Blocks
// must be such that their length times up can be divided by down; those of
// 20 ms and of 100 ms can, at every rate of the contract.
type resampler struct {
	up, down int
	phases   [][]float64 // taps of each phase, for the newest sample first
	past     []float64   // the last samples of the block before
}

// zeros is how many zero crossings of the sinc are kept on each side: the delay
// is below 2 ms.
const zeros = 32

func newResampler(from, to int) *resampler {
	g := gcd(from, to)
	r := &resampler{up: to / g, down: from / g}
	if r.up == r.down {
		return r
	}
	wide := max(r.up, r.down)
	half := zeros * wide
	cut := 0.93 / float64(wide) // of half the rate of the upsampled stream
	perPhase := (2*half + r.up) / r.up
	r.phases = make([][]float64, r.up)
	for p := range r.phases {
		taps, sum := make([]float64, perPhase), 0.0
		for k := range taps {
			x := float64(p + k*r.up - half)
			if w := x / float64(half+1); math.Abs(w) < 1 {
				taps[k] = sinc(x*cut) * (0.42 + 0.5*math.Cos(math.Pi*w) + 0.08*math.Cos(2*math.Pi*w))
			}
			sum += taps[k]
		}
		for k := range taps { // each phase passes a constant as it is
			taps[k] /= sum
		}
		r.phases[p] = taps
	}
	r.past = make([]float64, perPhase-1)
	return r
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// convert returns a block at the other rate.
func (r *resampler) convert(in []int16) []int16 {
	if r.up == r.down {
		return in
	}
	old := len(r.past)
	x := r.past
	for _, v := range in {
		x = append(x, float64(v))
	}
	out := make([]int16, 0, len(in)*r.up/r.down)
	for n := range len(in) * r.up / r.down {
		taps, newest, y := r.phases[n*r.down%r.up], old+n*r.down/r.up, 0.0
		for k, h := range taps {
			y += h * x[newest-k]
		}
		out = append(out, int16(max(-32768, min(32767, math.Round(y)))))
	}
	r.past = x[:copy(x, x[len(x)-old:])]
	return out
}
