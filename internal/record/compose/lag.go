package compose

import (
	"encoding/binary"
	"math"
)

// Levels are compared at steps of 5 ms.
const (
	levelStep = rate / 200
	lagFrom   = -20 // steps
	lagTo     = 200
	lagSmooth = 10 // steps: a browser that is busy plays unevenly
	lagFit    = 0.5
	lagLeast  = 600       // steps of sound that are needed to tell
	lagSettle = 400       // steps of film in which a browser finds its pace
	lagListen = 120 * 200 // steps of film that are listened to

	// What a film has alone is louder than filmLoud while within beyondFar steps no
	// track is as loud as trackLoud. So much of it are the sounds of the page itself.
	filmLoud, trackLoud = 200, 60
	beyondFar           = 200
	mostBeyond          = 400
)

// levels follows how loud sound is, in steps from a position on.
type levels struct {
	from int64 // samples of recording time
	list []float32
	sum  float64
	n    int
	half []byte // of a sample
}

// Write takes 16-bit samples, the low byte first.
func (l *levels) Write(b []byte) (int, error) {
	all := append(l.half, b...)
	pcm := make([]int16, len(all)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(all[2*i:]))
	}
	l.half = all[2*len(pcm):]
	l.add(pcm)
	return len(b), nil
}

// between is a part of it, in steps from its beginning.
func (l *levels) between(from, to int) *levels {
	from, to = min(from, len(l.list)), min(to, len(l.list))
	return &levels{from: l.from + int64(from)*levelStep, list: l.list[from:to]}
}

// beyond counts the steps of a film in which something is heard that the tracks do
// not have.
func beyond(film, tracks *levels) (n int) {
	near := make([]bool, len(tracks.list)+beyondFar)
	next := 0 // up to where near is told
	for i, v := range tracks.list {
		if v < trackLoud {
			continue
		}
		for next = max(next, i-beyondFar); next < min(i+beyondFar, len(near)); next++ {
			near[next] = true
		}
	}
	for i, v := range film.list {
		at := (film.from-tracks.from)/levelStep + int64(i)
		if v >= filmLoud && at >= 0 && (at >= int64(len(near)) || !near[at]) {
			n++
		}
	}
	return n
}

func (l *levels) add(pcm []int16) {
	for _, s := range pcm {
		l.sum += float64(s) * float64(s)
		if l.n++; l.n == levelStep {
			l.list = append(l.list, float32(math.Sqrt(l.sum/levelStep)))
			l.sum, l.n = 0, 0
		}
	}
}

// lag tells, in samples, how much later a film sounds than the tracks that
// were recorded beside it: what the browser holds back until it plays it. Not
// ok: they have nothing in common, or too little.
func lag(film, tracks *levels) (samples int64, ok bool) {
	best := lagFit
	heard, sent := smooth(film.list), smooth(tracks.list)
	for steps := int64(lagFrom); steps <= lagTo; steps++ {
		// Step i of the film is heard with step i+off of the tracks.
		off := (film.from-tracks.from)/levelStep - steps
		from, to := max(0, -off), min(int64(len(heard)), int64(len(sent))-off)
		if to-from < lagLeast {
			continue
		}
		if fit := correlation(heard[from:to], sent[from+off:to+off]); fit > best {
			best, samples, ok = fit, steps*levelStep, true
		}
	}
	return samples, ok
}

// smooth is the sum over the lagSmooth steps that begin at each.
func smooth(list []float32) []float32 {
	if len(list) < lagSmooth {
		return nil
	}
	out := make([]float32, len(list)-lagSmooth+1)
	for i := range out {
		for _, v := range list[i : i+lagSmooth] {
			out[i] += v
		}
	}
	return out
}

// correlation is Pearson's, 0 if one of the two never changes.
func correlation(a, b []float32) float64 {
	var sa, sb, saa, sbb, sab float64
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		sa, sb, saa, sbb, sab = sa+x, sb+y, saa+x*x, sbb+y*y, sab+x*y
	}
	n := float64(len(a))
	d := (n*saa - sa*sa) * (n*sbb - sb*sb)
	if d <= 0 {
		return 0
	}
	return (n*sab - sa*sb) / math.Sqrt(d)
}
