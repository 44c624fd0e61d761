package measure

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"math/cmplx"
	"slices"

	"steno/lab/media"
)

const (
	// Clips are found at a quarter of the rate: that is enough of a voice.
	slower   = 4
	hearRate = rate / slower
	// A clip is found by the beginning, the middle and the end of its speech.
	probe    = hearRate * 6 / 10
	foundFit = 0.65
	// Its words are looked for where they should be then, and so far around.
	nearby, inPlace     = hearRate / 10, hearRate / 200
	nearbyFit, placeFit = 0.6, 0.45
	shortest            = hearRate * 3 / 10 // of what a word is looked for with
)

// Word is a word of a clip, and when it is heard, in seconds from the audio's
// beginning.
type Word struct {
	Clip, Text string
	From, To   float64
}

// Ear knows the sound of clips.
type Ear struct {
	clips []*media.Clip
	sound [][]float64
}

// NewEar returns an Ear for clips. Those without words are left out.
func NewEar(ctx context.Context, names []string) (*Ear, error) {
	all, err := media.Clips()
	if err != nil {
		return nil, err
	}
	refs, e := references{known: map[string][]float64{}}, &Ear{}
	for _, name := range names {
		pcm, err := refs.pcm(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("learn the clip %s: %w", name, err)
		}
		if c := all[name]; c.Text != "" {
			e.clips, e.sound = append(e.clips, c), append(e.sound, slow(pcm))
		}
	}
	return e, nil
}

// Hear tells which words of the clips are in an audio file, in order of time, and
// how long it is. It goes by nothing but the sound: clips are found wherever they
// are, in part, several times and under other voices.
func (e *Ear) Hear(ctx context.Context, audio []byte) (words []Word, length float64, err error) {
	pcm, err := decoder{}.pcm(ctx, bytes.NewReader(audio), "-i", "-")
	if err != nil {
		return nil, 0, err
	}
	l := listen(slow(pcm))
	for i, c := range e.clips {
		for _, at := range l.places(e.sound[i], c.Speech().End*hearRate/media.SampleRate) {
			for _, w := range c.Words() {
				if late, ok := l.has(e.sound[i], at, w.Interval); ok {
					begin := float64(at+late) / hearRate
					words = append(words, Word{c.Name, w.Text, begin + samples(w.Start), begin + samples(w.End)})
				}
			}
		}
	}
	slices.SortStableFunc(words, func(a, b Word) int { return cmp.Compare(a.From, b.From) })
	return words, float64(len(pcm)) / rate, nil
}

func samples(n int) float64 { return float64(n) / media.SampleRate }

// slow brings sound to hearRate. What is too high for that is averaged out.
func slow(pcm []float64) []float64 {
	out := make([]float64, len(pcm)/slower)
	for i := range out {
		for k := 1 - 2*slower; k < 2*slower; k++ {
			if n := i*slower + k; n >= 0 && n < len(pcm) {
				out[i] += pcm[n] * float64(2*slower-max(k, -k))
			}
		}
	}
	return out
}

// listener is a sound in which others are looked for.
type listener struct {
	sig      []float64
	energy   []float64 // of all before a sample
	spectrum []complex128
}

func listen(sig []float64) *listener {
	l := &listener{sig: sig, energy: make([]float64, len(sig)+1), spectrum: make([]complex128, 1<<bits.Len(uint(len(sig)+probe)))}
	for i, x := range sig {
		l.energy[i+1] = l.energy[i] + x*x
		l.spectrum[i] = complex(x, 0)
	}
	fft(l.spectrum, false)
	return l
}

// fit is how well a sound of some energy, whose product with the signal is dot,
// fits at a place.
func (l *listener) fit(dot, energy float64, at, length int) float64 {
	under := l.energy[min(at+length, len(l.sig))] - l.energy[max(at, 0)]
	return dot / math.Sqrt(energy*max(under, energy*1e-6))
}

func power(x []float64) (sum float64) {
	for _, v := range x {
		sum += v * v
	}
	return sum
}

// places are where a clip is, whose speech ends at a sample of it, in samples; it
// may begin before the signal.
func (l *listener) places(ref []float64, end int) (list []int) {
	type found struct {
		at  int
		fit float64
	}
	var all []found
	for _, from := range []int{0, (end - probe) / 2, end - probe} {
		p := ref[from : from+probe]
		a := make([]complex128, len(l.spectrum))
		for i, x := range p {
			a[i] = complex(x, 0)
		}
		fft(a, false)
		for i := range a {
			a[i] = l.spectrum[i] * cmplx.Conj(a[i])
		}
		fft(a, true)
		energy := power(p)
		for at := 0; at+probe <= len(l.sig); at++ {
			if f := l.fit(real(a[at])/float64(len(a)), energy, at, probe); f >= foundFit {
				all = append(all, found{at - from, f})
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(b.fit, a.fit) })
	for _, f := range all {
		if !slices.ContainsFunc(list, func(at int) bool { return max(at-f.at, f.at-at) <= nearby }) {
			list = append(list, f.at)
		}
	}
	return list
}

// has reports whether a word of a clip that begins at a place is heard, and how
// many samples late.
func (l *listener) has(ref []float64, at int, w media.Interval) (late int, ok bool) {
	from, to := w.Start*hearRate/media.SampleRate, w.End*hearRate/media.SampleRate
	if mid := at + (from+to)/2; mid < 0 || mid >= len(l.sig) {
		return 0, false
	}
	if more := shortest - (to - from); more > 0 {
		from, to = from-more/2, to+more/2
	}
	from, to = max(from, 0), min(to, len(ref))
	p := ref[from:to]
	energy := power(p)
	best := func(most int) (late int, fit float64) {
		for by := -most; by <= most; by++ {
			dot := 0.0
			for i, x := range p {
				if n := at + from + by + i; n >= 0 && n < len(l.sig) {
					dot += x * l.sig[n]
				}
			}
			if f := l.fit(dot, energy, min(at+from+by, len(l.sig)), len(p)); f > fit {
				late, fit = by, f
			}
		}
		return late, fit
	}
	if late, fit := best(inPlace); fit >= placeFit {
		return late, true
	}
	late, fit := best(nearby)
	return late, fit >= nearbyFit
}
