// Package speakers finds out from the sound of one voice when it speaks. It
// knows no names, no files and no meeting: whose voice it is, others say.
package speakers

import "math"

// Rate is that of all samples here, a second; they are mono.
const Rate = 48000

// Turn is a stretch of speech in samples since time zero, [From, To).
type Turn struct{ From, To int64 }

const (
	frame     = Rate / 100 // samples of one measurement, 10 ms
	onset     = 3          // of so many loud frames
	onsetOf   = 4          // among so many a turn is made
	reach     = 8          // frames that a turn may begin before its first loud one
	hangover  = 30         // quiet frames that end a turn
	shortest  = 12         // frames; what is shorter was a click or a cough
	aboveOn   = 10.0       // dB above the noise that is loud
	aboveOff  = 6.0        // dB above the noise that goes on being speech
	quietest  = -52.0      // dBFS below which nothing is speech
	highest   = -42.0      // dBFS above which noise is not believed in
	riseFrame = 0.02       // dB a frame that the noise floor rises
)

// Detector follows one voice: an energy detector over an adaptive noise
// floor, with hysteresis. It is not safe for concurrent use.
type Detector struct {
	index  int64 // of the frame being measured
	energy float64
	heard  int // samples in it
	in, hp float64

	floor  float64
	recent [onsetOf]bool
	past   [reach]float64 // levels of the last frames, by index modulo reach

	speaking bool
	from     int64 // frame
	last     int64 // last frame that was speech
	turns    []Turn
}

// NewDetector returns a detector at time zero.
func NewDetector() *Detector {
	d := &Detector{floor: -50} // falls at the first pause of a quiet voice
	for i := range d.past {
		d.past[i] = math.Inf(-1)
	}
	return d
}

// Add takes in samples that begin at a moment, which must not be before the
// end of the last ones. What lies between is silence.
func (d *Detector) Add(at int64, pcm []int16) {
	d.Advance(at)
	for _, s := range pcm {
		// A high pass keeps hum and direct current out of the level.
		x := float64(s)
		d.hp = x - d.in + 0.98*d.hp
		d.in = x
		d.energy += d.hp * d.hp
		d.heard++
		at++
		if at == (d.index+1)*frame {
			d.measure()
		}
	}
}

// Advance says that nothing more comes before a moment.
func (d *Detector) Advance(to int64) {
	for (d.index+1)*frame <= to {
		if !d.speaking && d.heard == 0 && to-d.index*frame > 10*Rate {
			d.index = to/frame - 2*onsetOf // a long silence needs no measuring
		}
		d.measure()
	}
}

// Turns returns the turns that have ended since the last call.
func (d *Detector) Turns() []Turn {
	t := d.turns
	d.turns = nil
	return t
}

// Open returns the turn that goes on, as far as it is known.
func (d *Detector) Open() (Turn, bool) {
	return Turn{d.from * frame, (d.last + 1) * frame}, d.speaking
}

// Close ends the turn that goes on.
func (d *Detector) Close() {
	if d.speaking {
		d.end()
	}
}

// measure judges the frame at index and goes on to the next.
func (d *Detector) measure() {
	level := math.Inf(-1)
	if d.energy > 0 {
		level = 10 * math.Log10(d.energy/frame/(32768*32768))
	}
	if d.heard > frame/2 && level > -90 {
		d.adapt(level)
	}
	loud := level > max(d.floor+aboveOn, quietest)
	still := level > max(d.floor+aboveOff, quietest-3)
	d.recent[d.index%onsetOf] = loud
	switch {
	case d.speaking && still:
		d.last = d.index
	case d.speaking && d.index-d.last >= hangover:
		d.end()
	case !d.speaking && loud && d.count() >= onset:
		d.begin()
	}
	d.past[d.index%reach] = level
	d.index++
	d.energy, d.heard = 0, 0
}

// adapt follows the noise floor: down fast, up slowly, so that speech does not
// raise it before its next pause.
func (d *Detector) adapt(level float64) {
	if level < d.floor {
		d.floor += (level - d.floor) * 0.2
	} else {
		d.floor = min(d.floor+riseFrame, highest)
	}
}

func (d *Detector) count() (n int) {
	for _, l := range d.recent {
		if l {
			n++
		}
	}
	return n
}

// begin opens a turn, and reaches back over the soft beginning of the word.
func (d *Detector) begin() {
	d.speaking, d.last = true, d.index
	d.from = d.index
	soft := max(d.floor+aboveOff, quietest-3)
	for back := int64(1); back < reach && d.index-back >= 0; back++ {
		if d.past[(d.index-back)%reach] > soft {
			d.from = d.index - back
		}
	}
}

func (d *Detector) end() {
	d.speaking = false
	d.recent = [onsetOf]bool{}
	if d.last+1-d.from >= shortest {
		d.turns = append(d.turns, Turn{d.from * frame, (d.last + 1) * frame})
	}
}
