package transcript

import (
	"cmp"
	"slices"
	"time"
)

// Rules say how audio is cut for a service. The zero value means the defaults.
type Rules struct {
	// Longest is the length of a chunk; default one hour.
	Longest time.Duration
	// Around is how much is kept before and after a voice, for soft beginnings
	// and endings and for the decoder to find its feet; default 300 ms.
	Around time.Duration
	// Keep is the longest silence that is not worth a cut; default 1.5 s.
	Keep time.Duration
}

// Limits are those of a service for one job. Zero: none.
type Limits struct {
	Bytes  int64
	Length time.Duration
}

// loud is more than anybody's voice takes: 96 kbit/s.
const loud = 12_000 // bytes a second

// Within narrows the rules to a service's limits.
func (r Rules) Within(l Limits) Rules {
	r = r.filled()
	if l.Length > 0 {
		r.Longest = min(r.Longest, l.Length)
	}
	if l.Bytes > 0 {
		r.Longest = min(r.Longest, time.Duration(l.Bytes/loud)*time.Second)
	}
	return r
}

func (r Rules) filled() Rules {
	r.Longest = cmp.Or(r.Longest, time.Hour)
	r.Around = cmp.Or(r.Around, 300*time.Millisecond)
	r.Keep = cmp.Or(r.Keep, 1500*time.Millisecond)
	return r
}

// Chunk is a part of a source that is one job of a service.
type Chunk struct {
	Source Source
	N      int // counts the chunks of a source from 0
	// Spans are what it is made of, on the recording's clock.
	Spans []Span
}

// Length is how long the chunk's audio is.
func (c Chunk) Length() (sum time.Duration) {
	for _, s := range c.Spans {
		sum += s.To - s.From
	}
	return sum
}

// Plan says what has to be transcribed: for each source in its order, chunks in
// order of time. Nobody's silence is in them. Chunks are cut in silence; only a
// voice that does not stop for longer than a chunk may be is cut in the middle.
func Plan(sources []Source, r Rules) []Chunk {
	r = r.filled()
	var plan []Chunk
	for _, s := range sources {
		chunk := Chunk{Source: s}
		room := r.Longest
		flush := func() {
			if len(chunk.Spans) > 0 {
				plan = append(plan, chunk)
				chunk = Chunk{Source: s, N: chunk.N + 1}
			}
			room = r.Longest
		}
		for _, span := range r.spans(s) {
			if span.To-span.From > room && len(chunk.Spans) > 0 {
				flush()
			}
			for span.To-span.From > room {
				chunk.Spans = append(chunk.Spans, Span{span.From, span.From + room})
				span.From += room
				flush()
			}
			chunk.Spans = append(chunk.Spans, span)
			room -= span.To - span.From
		}
		flush()
	}
	return plan
}

// spans are the voices of a source with what is kept around them, in order and
// apart.
func (r Rules) spans(s Source) []Span {
	voice := slices.Clone(s.Voice)
	slices.SortFunc(voice, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	var list []Span
	for _, v := range voice {
		v = Span{max(v.From-r.Around, 0), v.To + r.Around}
		if s.Length > 0 {
			v.To = min(v.To, s.Length)
		}
		if v.To <= v.From {
			continue
		}
		if n := len(list); n > 0 && v.From-list[n-1].To <= max(r.Keep-2*r.Around, 0) {
			list[n-1].To = max(list[n-1].To, v.To)
			continue
		}
		list = append(list, v)
	}
	return list
}
