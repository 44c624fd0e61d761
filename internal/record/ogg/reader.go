package ogg

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrNotOpus is the error of a stream that is no Ogg Opus, or a broken one.
var ErrNotOpus = errors.New("not an Ogg Opus stream")

// Packet is an Opus packet at its place in the stream.
type Packet struct {
	// At is where it begins, in samples of what is heard; the first ones of a
	// stream lie before zero (the encoder's delay).
	At   int64
	Len  int // samples
	Data []byte
}

// Reader reads the packets of an Ogg Opus stream one by one.
type Reader struct {
	// Channels and Skip are what the stream's head says.
	Channels, Skip int

	r       *bufio.Reader
	waiting [][]byte // whole packets of the page that was read
	part    []byte   // the beginning of one that goes on in the next page
	at      int64
	held    *Packet
}

// NewReader reads the stream's head.
func NewReader(r io.Reader) (*Reader, error) {
	o := &Reader{r: bufio.NewReaderSize(r, 64<<10)}
	head, err := o.packet()
	if err != nil {
		return nil, broken(err)
	}
	if len(head) < 19 || !bytes.HasPrefix(head, []byte("OpusHead")) {
		return nil, ErrNotOpus
	}
	o.Channels, o.Skip = int(head[9]), int(binary.LittleEndian.Uint16(head[10:]))
	o.at = -int64(o.Skip)
	tags, err := o.packet()
	if err != nil {
		return nil, broken(err)
	}
	if !bytes.HasPrefix(tags, []byte("OpusTags")) {
		return nil, ErrNotOpus
	}
	return o, nil
}

// Next returns the next packet, or io.EOF. Its data live until the next call.
func (o *Reader) Next() (Packet, error) {
	if p := o.held; p != nil {
		o.held = nil
		return *p, nil
	}
	for {
		data, err := o.packet()
		if err != nil {
			return Packet{}, err
		}
		if n := Samples(data); n > 0 {
			p := Packet{At: o.at, Len: n, Data: data}
			o.at += int64(n)
			return p, nil
		}
	}
}

// Length walks through a stream and returns how long what is heard of it is, in
// samples.
func Length(r io.Reader) (int64, error) {
	o, err := NewReader(r)
	if err != nil {
		return 0, err
	}
	end := int64(0)
	for {
		p, err := o.Next()
		if errors.Is(err, io.EOF) {
			return end, nil
		}
		if err != nil {
			return 0, err
		}
		end = p.At + int64(p.Len)
	}
}

// unread gives a packet back, to be returned by Next again.
func (o *Reader) unread(p Packet) { o.held = &p }

func (o *Reader) packet() ([]byte, error) {
	for len(o.waiting) == 0 {
		if err := o.page(); err != nil {
			return nil, err
		}
	}
	p := o.waiting[0]
	o.waiting = o.waiting[1:]
	return p, nil
}

// page reads the next page and takes its packets apart.
func (o *Reader) page() error {
	var head [27]byte
	if _, err := io.ReadFull(o.r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return broken(err)
	}
	if string(head[:4]) != "OggS" || head[4] != 0 {
		return ErrNotOpus
	}
	lacing := make([]byte, head[26])
	if _, err := io.ReadFull(o.r, lacing); err != nil {
		return broken(err)
	}
	if head[5]&1 == 0 {
		o.part = nil // what went before does not go on here
	}
	for i := 0; i < len(lacing); {
		n, whole := 0, false
		for i < len(lacing) && !whole {
			n += int(lacing[i])
			whole = lacing[i] < 255
			i++
		}
		data := make([]byte, n)
		if _, err := io.ReadFull(o.r, data); err != nil {
			return broken(err)
		}
		data = append(o.part, data...)
		if o.part = nil; !whole {
			o.part = data
			break
		}
		o.waiting = append(o.waiting, data)
	}
	return nil
}

func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrNotOpus)
	}
	return fmt.Errorf("read ogg: %w", err)
}
