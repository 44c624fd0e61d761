// Package ogg writes, reads and cuts Ogg Opus files packet by packet. It
// decodes nothing, and knows nothing of meetings.
package ogg

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// Writer writes an Ogg Opus stream (RFC 3533, RFC 7845).
type Writer struct {
	w       *bufio.Writer
	serial  uint32
	seq     uint32
	granule uint64
	perPage int // packets a page

	lacing  []byte
	body    []byte
	packets int
	ended   bool
}

var crcTable = func() (t [256]uint32) {
	for i := range t {
		r := uint32(i) << 24
		for range 8 {
			if r&0x80000000 != 0 {
				r = r<<1 ^ 0x04c11db7
			} else {
				r <<= 1
			}
		}
		t[i] = r
	}
	return t
}()

// NewWriter writes the headers. skip is how many samples at the beginning are not
// to be heard.
func NewWriter(w io.Writer, channels, skip, perPage int, serial uint32) (*Writer, error) {
	o := &Writer{w: bufio.NewWriterSize(w, 32<<10), serial: serial, perPage: perPage}
	head := append([]byte("OpusHead\x01"), byte(channels))
	head = binary.LittleEndian.AppendUint16(head, uint16(skip))
	head = binary.LittleEndian.AppendUint32(head, Rate)
	head = append(head, 0, 0, 0)
	tags := binary.LittleEndian.AppendUint32([]byte("OpusTags"), 5)
	tags = append(tags, "steno"...)
	tags = binary.LittleEndian.AppendUint32(tags, 0)
	for i, p := range [][]byte{head, tags} {
		o.push(p)
		flags := byte(0)
		if i == 0 {
			flags = 2
		}
		if err := o.page(flags); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// Add appends a packet of so many samples.
func (o *Writer) Add(p []byte, samples int) error {
	if len(o.lacing)+len(p)/255+1 > 255 {
		if err := o.page(0); err != nil {
			return err
		}
	}
	o.push(p)
	o.granule += uint64(samples)
	if o.packets >= o.perPage {
		return o.page(0)
	}
	return nil
}

func (o *Writer) push(p []byte) {
	for n := len(p); ; n -= 255 {
		o.lacing = append(o.lacing, byte(min(n, 255)))
		if n < 255 {
			break
		}
	}
	o.body = append(o.body, p...)
	o.packets++
}

func (o *Writer) page(flags byte) error {
	var head [27]byte
	copy(head[:], "OggS")
	head[5] = flags
	binary.LittleEndian.PutUint64(head[6:], o.granule)
	binary.LittleEndian.PutUint32(head[14:], o.serial)
	binary.LittleEndian.PutUint32(head[18:], o.seq)
	head[26] = byte(len(o.lacing))
	sum := uint32(0)
	for _, part := range [][]byte{head[:], o.lacing, o.body} {
		for _, b := range part {
			sum = sum<<8 ^ crcTable[byte(sum>>24)^b]
		}
	}
	binary.LittleEndian.PutUint32(head[22:], sum)
	for _, part := range [][]byte{head[:], o.lacing, o.body} {
		if _, err := o.w.Write(part); err != nil {
			return fmt.Errorf("write ogg: %w", err)
		}
	}
	o.seq++
	o.lacing, o.body, o.packets = o.lacing[:0], o.body[:0], 0
	return nil
}

// Flush hands on what is buffered of whole pages.
func (o *Writer) Flush() error {
	if err := o.w.Flush(); err != nil {
		return fmt.Errorf("write ogg: %w", err)
	}
	return nil
}

// End writes the last page. What lies behind length samples (of the audible
// stream and the skipped beginning together) is cut off by its granule
// position.
func (o *Writer) End(length uint64) error {
	if o.ended {
		return nil
	}
	o.ended = true
	if o.packets == 0 { // the last page must hold a packet to be cut
		o.push(Silence)
		o.granule += SilenceSamples
	}
	if length < o.granule {
		o.granule = length
	}
	if err := o.page(4); err != nil {
		return err
	}
	return o.Flush()
}
