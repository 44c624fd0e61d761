package measure

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"steno/lab/media"
)

const (
	// Clips are found at a quarter of the rate: that is enough of a voice.
	slower   = 4
	hearRate = rate / slower
	// A clip is found by the stretches of its speech, also where lost packets have
	// spoilt some of them, or it is cut off.
	probe    = hearRate * 6 / 10
	block    = 1 << 14 // of the signal are looked through at once
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
	var all []said
	for i, c := range e.clips {
		for _, at := range l.places(e.sound[i], c.Speech().End*hearRate/media.SampleRate) {
			s := said{clip: c}
			for _, w := range c.Words() {
				if late, ok := l.has(e.sound[i], at, w.Interval); ok {
					begin := float64(at+late) / hearRate
					s.words = append(s.words, Word{c.Name, w.Text, begin + samples(w.Start), begin + samples(w.End)})
				}
			}
			all = append(all, s)
		}
	}
	// Voices say a word alike in every sentence: of one sentence alone some words are
	// heard where it is another one's.
	for _, s := range all {
		for _, w := range s.words {
			if !slices.ContainsFunc(all, func(o said) bool { return o.explains(w, s) }) {
				words = append(words, w)
			}
		}
	}
	slices.SortStableFunc(words, func(a, b Word) int { return cmp.Compare(a.From, b.From) })
	return words, float64(len(pcm)) / rate, nil
}

// said is a clip that is heard somewhere, and the words of it that are.
type said struct {
	clip  *media.Clip
	words []Word
}

// explains reports whether a word that is heard as one of few of another clip's is
// this one's, of which more are heard there in the same voice.
func (s said) explains(w Word, other said) bool {
	return s.clip.Voice == other.clip.Voice && len(s.words) > 2*len(other.words) &&
		slices.ContainsFunc(s.words, func(o Word) bool { return o.From < w.To && w.From < o.To })
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
	sig     []float64
	energy  []float64      // of all before a sample
	spectra [][]complex128 // of its blocks, each of which begins a probe before the end of the one before
}

func listen(sig []float64) *listener {
	l := &listener{sig: sig, energy: make([]float64, len(sig)+1)}
	for i, x := range sig {
		l.energy[i+1] = l.energy[i] + x*x
	}
	for from := 0; from+probe <= len(sig); from += block - probe {
		l.spectra = append(l.spectra, spectrum(sig[from:min(from+block, len(sig))], nil))
	}
	return l
}

// spectrum is that of a sound, and of another one as its imaginary part.
func spectrum(x, y []float64) []complex128 {
	out := make([]complex128, block)
	for i, v := range x {
		out[i] = complex(v, 0)
	}
	for i, v := range y {
		out[i] += complex(0, v)
	}
	fft(out, false)
	return out
}

// products calls use with the products of the signal at each place with two probes.
func (l *listener) products(x, y []float64, use func(at int, x, y float64)) {
	// Turned round, the spectrum of x + iy is that which multiplies with both.
	both, out := spectrum(x, y), make([]complex128, block)
	for n, s := range l.spectra {
		for i := range out {
			out[i] = s[i] * both[(block-i)%block]
		}
		fft(out, true)
		from := n * (block - probe)
		for i := 0; i < block-probe && from+i+probe <= len(l.sig); i++ {
			use(from+i, real(out[i])/block, imag(out[i])/block)
		}
	}
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
	note := func(from int, energy, product float64, at int) {
		if f := l.fit(product, energy, at, probe); f >= foundFit {
			all = append(all, found{at - from, f})
		}
	}
	n := max(end/probe, 2)
	n += n % 2 // two at a time
	for i := 0; i < n; i += 2 {
		one, two := i*(end-probe)/(n-1), (i+1)*(end-probe)/(n-1)
		a, b := ref[one:one+probe], ref[two:two+probe]
		powerA, powerB := power(a), power(b)
		l.products(a, b, func(at int, x, y float64) {
			note(one, powerA, x, at)
			note(two, powerB, y, at)
		})
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
