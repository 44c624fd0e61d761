package measure

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"

	"steno/lab"
	"steno/lab/media"
)

const (
	// A clip counts as found when it correlates so well; in a mix another
	// voice may be over it.
	goodFit = 0.35
	// Of an utterance less than this may be too little to be found by.
	leastSpeech = 300_000 // microseconds
	// A stretch of speech is lost when it is weaker than so much of what was
	// sent.
	lostBelow = 0.25
	frameLen  = rate / 50
)

// references decodes clips once. The decoder cuts the pre-skip off, so that
// sample 0 is the first that was encoded, as the truth counts.
type references struct {
	decoder decoder
	known   map[string][]float64
}

func (r references) pcm(ctx context.Context, name string) ([]float64, error) {
	if pcm := r.known[name]; pcm != nil {
		return pcm, nil
	}
	clips, err := media.Clips()
	if err != nil {
		return nil, err
	}
	c := clips[name]
	if c == nil {
		return nil, fmt.Errorf("the truth speaks of an unknown clip %q", name)
	}
	ogg, err := c.Ogg()
	if err != nil {
		return nil, err
	}
	pcm, err := r.decoder.pcm(ctx, bytes.NewReader(ogg), "-i", "-")
	if err != nil {
		return nil, err
	}
	r.known[name] = pcm
	return pcm, nil
}

// hit is an utterance in a file.
type hit struct {
	said   lab.Utterance
	scrap  bool // too little of it lies in the compared part to look for
	found  bool
	offset float64 // seconds late
}

// sound looks for the utterances of one person (or of all, if name is empty)
// in decoded audio.
func (m *measurer) sound(ctx context.Context, pcm []float64, name string, end int64) (*Sound, []hit, error) {
	s := &Sound{}
	var hits []hit
	for _, u := range m.truth.Said {
		if name != "" && u.Name != name || u.FirstUS >= end || u.LastUS <= m.o.FromUS {
			continue
		}
		ref, err := m.clips.pcm(ctx, u.Clip)
		if err != nil {
			return nil, nil, err
		}
		hits = append(hits, m.find(pcm, ref, u, end))
	}
	var x, y []float64
	for _, h := range hits {
		if !h.scrap {
			s.Utterances++
		}
		if h.found {
			s.Found++
			x, y = append(x, float64(h.said.StartUS)/1e6), append(y, h.offset*1000)
		}
	}
	if len(y) > 0 {
		s.OffsetMS, s.MinMS, s.MaxMS, s.DriftMS = median(y), slices.Min(y), slices.Max(y), drift(x, y)
	}
	for _, h := range hits {
		offset := h.offset
		if !h.found {
			offset = s.OffsetMS / 1000
		}
		ref, err := m.clips.pcm(ctx, h.said.Clip)
		if err != nil {
			return nil, nil, err
		}
		m.loss(s, pcm, ref, h.said, offset, end)
	}
	return s, hits, nil
}

// find looks for an utterance around the place where it should be. Only what
// was sent of it and lies in the compared part is looked for.
func (m *measurer) find(pcm, ref []float64, u lab.Utterance, end int64) hit {
	speech := int64(0)
	for _, a := range u.Activity {
		speech += max(0, min(a.ToUS, end)-max(a.FromUS, m.o.FromUS))
	}
	if speech < leastSpeech {
		return hit{said: u, scrap: true}
	}
	from := max(u.StartUS, m.o.FromUS)
	ref = cut(ref, float64(from-u.StartUS)/1e6, float64(min(u.EndUS, end)-u.StartUS)/1e6)
	search := m.o.Search.Seconds()
	should := float64(from-m.rec.EpochUS) / 1e6
	start := int((should - search) * rate)
	sig := around(pcm, start, len(ref)+int(2*search*rate))
	at, fit := locate(sig, ref)
	return hit{said: u, found: fit >= goodFit, offset: float64(start+at)/rate - should}
}

// around copies n samples from start on; outside of pcm is silence.
func around(pcm []float64, start, n int) []float64 {
	out := make([]float64, max(n, 0))
	for i := range out {
		if k := start + i; k >= 0 && k < len(pcm) {
			out[i] = pcm[k]
		}
	}
	return out
}

// cut returns the part of pcm between two times in seconds.
func cut(pcm []float64, from, to float64) []float64 {
	a := min(max(int(from*rate), 0), len(pcm))
	b := min(max(int(to*rate), a), len(pcm))
	return pcm[a:b]
}

// loss adds up which frames of an utterance are not in the recording.
func (m *measurer) loss(s *Sound, pcm, ref []float64, u lab.Utterance, offset float64, end int64) {
	for _, a := range u.Activity {
		for us := max(a.FromUS, m.o.FromUS); us+20_000 <= min(a.ToUS, end); us += 20_000 {
			want := around(ref, int(float64(us-u.StartUS)/1e6*rate), frameLen)
			level := rms(want)
			if level < 0.003 {
				continue // too weak to tell
			}
			at := (float64(us-m.rec.EpochUS)/1e6 + offset) * rate
			s.SpeechS += 0.02
			if rms(around(pcm, int(at), frameLen)) < level*lostBelow {
				s.LostS += 0.02
			}
		}
	}
}

func rms(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(len(x), 1)))
}
