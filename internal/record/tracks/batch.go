package tracks

import (
	"encoding/binary"
	"errors"
	"math"
)

// sample is one frame as the page sends it. Its slices point into the message.
type sample struct {
	track   int
	key     bool
	seq     uint16
	hasSeq  bool
	level   uint16 // as in package segment
	rtp     uint32
	arrival int64 // Unix microseconds
	csrcs   []uint32
	payload []byte
}

const (
	recordHeader = 24 // worker.js documents the layout

	flagKey = 1
	flagSeq = 2
)

var errBatch = errors.New("malformed batch")

// parseBatch calls each for every record of a binary message.
func parseBatch(b []byte, each func(sample)) error {
	for len(b) > 0 {
		if len(b) < recordHeader {
			return errBatch
		}
		flags, csrcs := b[6], int(b[7])
		size := uint64(binary.LittleEndian.Uint32(b))
		if uint64(len(b)) < recordHeader+4*uint64(csrcs)+size {
			return errBatch
		}
		arrival := math.Float64frombits(binary.LittleEndian.Uint64(b[16:]))
		if !(arrival > 0 && arrival < 1<<62) {
			return errBatch
		}
		s := sample{
			track:   int(binary.LittleEndian.Uint16(b[4:])),
			key:     flags&flagKey != 0,
			hasSeq:  flags&flagSeq != 0,
			seq:     binary.LittleEndian.Uint16(b[8:]),
			level:   min(binary.LittleEndian.Uint16(b[10:]), 128),
			rtp:     binary.LittleEndian.Uint32(b[12:]),
			arrival: int64(arrival),
		}
		b = b[recordHeader:]
		for ; csrcs > 0; csrcs-- {
			s.csrcs = append(s.csrcs, binary.LittleEndian.Uint32(b))
			b = b[4:]
		}
		s.payload, b = b[:size:size], b[size:]
		each(s)
	}
	return nil
}
