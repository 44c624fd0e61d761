package transcript

import (
	"sort"
	"time"
)

// Piece is a stretch [From, To) of the recording that stands at At of the audio
// that was cut together.
type Piece struct{ At, From, To time.Duration }

func (p Piece) length() time.Duration { return p.To - p.From }

// Clock turns times of cut audio into times of the recording: its pieces in
// their order, one behind the other. The zero Clock changes nothing.
type Clock []Piece

// Length is that of the cut audio.
func (c Clock) Length() time.Duration {
	if len(c) == 0 {
		return 0
	}
	last := c[len(c)-1]
	return last.At + last.length()
}

// piece finds the piece that is heard at a time of the cut audio.
func (c Clock) piece(at time.Duration) Piece {
	i := sort.Search(len(c), func(i int) bool { return c[i].At > at })
	return c[max(i-1, 0)]
}

// Place puts a word where it was said. Services are off by a bit: what reaches
// over the edge of a piece was said in the piece that holds its middle, and is
// cut off there, so that no word lasts as long as the silence that was cut out.
func (c Clock) Place(w Word) Word {
	if len(c) == 0 {
		return w
	}
	w.End = max(w.End, w.Start)
	p := c.piece(w.Start + (w.End-w.Start)/2)
	put := func(t time.Duration) time.Duration {
		return min(max(t-p.At+p.From, p.From), p.To)
	}
	w.Start, w.End = put(w.Start), put(w.End)
	return w
}
