package tracks

import "encoding/binary"

// block is one packet within a RED payload.
type block struct {
	back    uint32 // how far its RTP timestamp lies before the frame's
	payload []byte
}

// parseRED takes redundant audio apart (RFC 2198), the oldest block first; the
// last one is the frame itself. Browsers and Meet send Opus like that, and a
// player of Opus does not understand it. Nil if it is no such payload.
func parseRED(p []byte) []block {
	var blocks []block
	var sizes []int
	for {
		if len(p) == 0 {
			return nil
		}
		if p[0]&0x80 == 0 {
			p = p[1:]
			break
		}
		if len(p) < 4 {
			return nil
		}
		h := binary.BigEndian.Uint32(p)
		blocks = append(blocks, block{back: h >> 10 & 0x3fff})
		sizes = append(sizes, int(h&0x3ff))
		p = p[4:]
	}
	for i, n := range sizes {
		if len(p) < n {
			return nil
		}
		blocks[i].payload, p = p[:n], p[n:]
	}
	return append(blocks, block{payload: p})
}

// redundancy fills in packets that were lost from those that repeat them.
type redundancy struct {
	recent [64]uint32 // RTP timestamps that are recorded, a ring
	next   int
	known  bool
}

// fresh returns the samples of s that are not recorded yet, in order.
func (r *redundancy) fresh(s sample) []sample {
	var out []sample
	for _, b := range parseRED(s.payload) {
		one := s
		one.rtp, one.payload = s.rtp-b.back, b.payload
		// What came before we listened is not lost.
		if len(b.payload) == 0 || r.has(one.rtp) || (b.back > 0 && !r.known) {
			continue
		}
		r.recent[r.next%len(r.recent)] = one.rtp
		r.next++
		out = append(out, one)
	}
	r.known = true
	return out
}

func (r *redundancy) has(rtp uint32) bool {
	for _, t := range r.recent[:min(r.next, len(r.recent))] {
		if t == rtp {
			return true
		}
	}
	return false
}
