package compose

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sort"

	"steno/internal/record/ogg"
	"steno/internal/record/segment"
	"steno/internal/record/speakers"
)

// voice reads one audio track: it stamps packets with recording time, hands
// them on, decodes them and gives the samples at their places.
type voice struct {
	t     *track
	tail  *tail
	clock rtpClock
	raw   bool // samples instead of packets: the browser decoded them

	seen    []packet // read, wanting later arrivals to be stamped; by media time
	ahead   *packet  // read, but beyond the step
	stamped []packet // not fed yet
	queued  []packet // fed, not taken yet

	dec    *opusDecoder
	cursor int64 // where the next sample goes
	end    int64 // media time at the end of the last packet, µs
	run    int
	pcm    []int16
	wide   []int16

	turns map[uint32]*voiceTurns // by contributing source
	bad   int64
}

// voiceTurns is what the detector of one contributing source found.
type voiceTurns struct {
	csrc uint32
	det  *speakers.Detector
	done []speakers.Turn
}

// packet is an Opus packet on its way.
type packet struct {
	segment.Frame
	st   stamp
	wall int64
	pos  int64 // samples of recording time
	n    int   // samples
	fill bool  // pushes others through; not to be heard
}

func newVoice(folder string, t *track) *voice {
	r := int64(t.ClockRate)
	if r <= 0 {
		r = rate
	}
	return &voice{t: t, tail: newTail(folder, t.ID), clock: rtpClock{rate: r}, raw: t.Codec == "pcm", turns: map[uint32]*voiceTurns{}}
}

// read takes in all packets that arrived up to a wall time.
func (v *voice) read(until int64) error {
	for {
		if v.ahead == nil {
			fr, _, err := v.tail.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			v.ahead = &packet{Frame: fr, n: v.samples(fr.Payload)}
		}
		if v.ahead.Arrival > until {
			return nil
		}
		p := *v.ahead
		v.ahead = nil
		if p.n == 0 {
			v.bad++
			continue
		}
		v.insert(p)
	}
}

// samples is the length of a packet at 48 kHz.
func (v *voice) samples(p []byte) int {
	if v.raw {
		return len(p) / 2 / max(v.t.Channels, 1) * rate / int(v.clock.rate)
	}
	return ogg.Samples(p)
}

// unpack mixes the channels of a packet of raw samples (16 bit, interleaved)
// down, at 48 kHz.
func (v *voice) unpack(p *packet) []int16 {
	channels := max(v.t.Channels, 1)
	n := len(p.Payload) / 2 / channels
	pcm := v.pcm[:0]
	for i := range n {
		sum := 0
		for c := range channels {
			at := 2 * (i*channels + c)
			sum += int(int16(uint16(p.Payload[at]) | uint16(p.Payload[at+1])<<8))
		}
		pcm = append(pcm, int16(sum/channels))
	}
	p.Payload = nil
	if more := p.n - n; more != 0 {
		return append([]int16(nil), v.stretch(pcm, more)...)
	}
	return pcm
}

// insert keeps seen in the order of media time; a packet that is there already
// is dropped.
func (v *voice) insert(p packet) {
	p.st = v.clock.see(p.RTP, p.Arrival)
	i := sort.Search(len(v.seen), func(i int) bool {
		s := v.seen[i].st
		return s.run > p.st.run || s.run == p.st.run && s.media >= p.st.media
	})
	if i < len(v.seen) && v.seen[i].st.run == p.st.run && v.seen[i].st.media == p.st.media {
		return
	}
	v.seen = append(v.seen, packet{})
	copy(v.seen[i+1:], v.seen[i:])
	v.seen[i] = p
}

// place gives recording time to the packets that arrived up to a wall time,
// and passes each to use. Packets of pauses and from before the epoch vanish.
func (v *voice) place(until int64, tl timeline, use func(*packet)) {
	n := 0
	for n < len(v.seen) && v.seen[n].Arrival <= until {
		p := v.seen[n]
		n++
		p.wall = v.clock.at(p.st)
		us, recorded := tl.rec(p.wall)
		if !recorded {
			v.end = 0
			continue
		}
		p.pos = us * rate / 1_000_000
		if !v.raw {
			p.pos -= ogg.PreSkip
		}
		use(&p)
		v.stamped = append(v.stamped, p)
	}
	v.seen = append(v.seen[:0], v.seen[n:]...)
}

// idle reports whether nothing is under way.
func (v *voice) idle() bool { return len(v.seen) == 0 && len(v.stamped) == 0 && len(v.queued) == 0 }

// decode feeds the decoder with all that is stamped.
func (v *voice) decode(ctx context.Context, log *slog.Logger, ffmpeg string) error {
	if v.raw {
		v.queued = append(v.queued, v.stamped...)
		v.stamped = v.stamped[:0]
	}
	if len(v.stamped) == 0 {
		return nil
	}
	if v.dec == nil {
		d, err := newOpusDecoder(ctx, log, ffmpeg, v.t.ID)
		if err != nil {
			return err
		}
		v.dec = d
	}
	for _, p := range v.stamped {
		if err := v.dec.feed(p.Payload, p.n); err != nil {
			return err
		}
		p.Payload = nil
		v.queued = append(v.queued, p)
	}
	v.stamped = v.stamped[:0]
	return v.dec.flush()
}

// push feeds silence behind packets that must come out now.
func (v *voice) push(before int64) error {
	behind := 0
	due := false
	for _, p := range v.queued {
		if p.fill || p.pos >= before {
			behind++
		} else {
			behind, due = 0, true
		}
	}
	if v.dec == nil || !due || behind >= fillers {
		return nil
	}
	for range fillers - behind {
		if err := v.dec.feed(ogg.Silence, ogg.SilenceSamples); err != nil {
			return err
		}
		v.queued = append(v.queued, packet{n: ogg.SilenceSamples, fill: true})
	}
	return v.dec.flush()
}

// take passes the samples of all packets that begin before a moment to use,
// with their place.
func (v *voice) take(ctx context.Context, before int64, use func(at int64, pcm []int16, p *packet)) error {
	n, due := 0, 0
	for i, p := range v.queued {
		if !p.fill && p.pos < before {
			due = i + 1
		}
	}
	defer func() { v.queued = append(v.queued[:0], v.queued[n:]...) }()
	for n < due {
		p := &v.queued[n]
		if v.raw {
			v.pcm = v.unpack(p)
		} else if pcm, err := v.dec.take(ctx, v.pcm, p.n); err != nil {
			return err
		} else {
			v.pcm = pcm
		}
		n++
		if p.fill {
			continue
		}
		at, pcm := v.fit(p, v.pcm)
		if len(pcm) > 0 {
			use(at, pcm, p)
		}
	}
	return nil
}

// fit decides where the samples of a packet go: behind those of the one before
// it, as many samples later as its timestamp says, and stretched by a little
// where the sender's clock drifts.
func (v *voice) fit(p *packet, pcm []int16) (int64, []int16) {
	missing := int64(0)
	if v.end != 0 && p.st.run == v.run {
		missing = (p.st.media - v.end) * rate / 1_000_000
	}
	fresh := v.end == 0 || p.st.run != v.run
	v.end, v.run = p.st.media+int64(p.n)*1_000_000/rate, p.st.run
	v.cursor += max(missing, 0)
	off := p.pos - v.cursor
	if fresh || off > rate/25 || missing > rate/5 {
		v.cursor = max(p.pos, v.cursor-max(missing, 0))
		off = 0
	}
	if off < -rate/25 { // a track that is far ahead of its place
		return 0, nil
	}
	limit := 2 + abs(off)/50
	pcm = v.stretch(pcm, int(max(-limit, min(limit, off))))
	at := v.cursor
	v.cursor += int64(len(pcm))
	return at, pcm
}

// stretch makes pcm longer by more samples, or shorter, by linear
// interpolation.
func (v *voice) stretch(pcm []int16, more int) []int16 {
	if more == 0 || len(pcm) < 2 || len(pcm)+more < 2 {
		return pcm
	}
	n := len(pcm) + more
	out := v.wide[:0]
	for i := range n {
		x := i * (len(pcm) - 1) * 256 / (n - 1)
		j, f := x>>8, x&255
		s := int(pcm[j])
		if f > 0 {
			s += (int(pcm[j+1]) - s) * f / 256
		}
		out = append(out, int16(s))
	}
	v.wide = out
	return out
}

// source is the contributing source of a frame, 0 if it names none. Of several
// it is a mix, and nobody's.
func source(csrcs []uint32) uint32 {
	if len(csrcs) == 1 {
		return csrcs[0]
	}
	return 0
}

// hear lets the detector of the packet's source listen.
func (v *voice) hear(at int64, pcm []int16, p *packet) {
	csrc := source(p.CSRCs)
	vt := v.turns[csrc]
	if vt == nil {
		vt = &voiceTurns{csrc: csrc, det: speakers.NewDetector()}
		v.turns[csrc] = vt
	}
	vt.det.Add(at, pcm)
}

// settle tells the detectors how far all is known and collects their turns.
func (v *voice) settle(to int64, last bool) {
	for _, vt := range v.turns {
		vt.det.Advance(to)
		if last {
			vt.det.Close()
		}
		vt.done = append(vt.done, vt.det.Turns()...)
	}
}

func (v *voice) close() {
	if v.dec != nil {
		v.dec.close()
		v.dec = nil
	}
	v.queued = v.queued[:0]
	v.tail.close()
}

// reset gives up the decoder; the next packet starts another.
func (v *voice) reset() {
	if v.dec != nil {
		v.dec.close()
		v.dec = nil
	}
	v.queued, v.stamped = v.queued[:0], v.stamped[:0]
}

// split cuts a turn of a contributing source where another person was bound to
// it, and where one of them left.
func (v *voice) split(csrc uint32, t speakers.Turn, s *story, end int64) []speakers.Turn {
	t.From, t.To = max(t.From, 0), min(t.To, end)
	if t.From >= t.To {
		return nil
	}
	var cuts []int64
	first := true
	for _, b := range v.t.binds {
		if b.csrc != csrc {
			continue
		}
		// The first binding also holds for what was heard before it.
		if !first {
			cuts = append(cuts, b.at)
		}
		first = false
		if p := s.byID[b.id]; p != nil && csrc != 0 {
			for _, stay := range p.presence {
				cuts = append(cuts, stay.to)
			}
		}
	}
	slices.Sort(cuts)
	var parts []speakers.Turn
	tl := s.timeline()
	for _, wall := range cuts {
		us, _ := tl.rec(wall)
		if at := us * rate / 1_000_000; at > t.From && at < t.To {
			parts = append(parts, speakers.Turn{From: t.From, To: at})
			t.From = at
		}
	}
	return append(parts, t)
}
