package mp4

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// box is a part of a file (ISO/IEC 14496-12 section 4.2): bytes, then others.
type box struct {
	kind string
	data []byte
	kids []*box
}

// holders are the boxes of which the parts matter, with the length of their fields
// before these.
var holders = map[string]int{"moov": 0, "trak": 0, "edts": 0, "mdia": 0, "minf": 0, "stbl": 0, "stsd": 8, "avc1": 78}

func (b *box) size() int64 {
	n := int64(8 + len(b.data))
	for _, k := range b.kids {
		n += k.size()
	}
	return n
}

// write writes into memory or through a buffer, which keeps its first error.
func (b *box) write(w *bufio.Writer) {
	_ = binary.Write(w, binary.BigEndian, uint32(b.size()))
	w.WriteString(b.kind)
	w.Write(b.data)
	for _, k := range b.kids {
		k.write(w)
	}
}

func (b *box) clone() *box {
	c := &box{kind: b.kind, data: append([]byte(nil), b.data...)}
	for _, k := range b.kids {
		c.kids = append(c.kids, k.clone())
	}
	return c
}

// drop removes what is in it of a kind, however deep.
func (b *box) drop(kind string) {
	b.kids = slices.DeleteFunc(b.kids, func(k *box) bool { return k.kind == kind })
	for _, k := range b.kids {
		k.drop(kind)
	}
}

// same tells whether two are alike to the byte.
func (b *box) same(o *box) bool {
	return b.kind == o.kind && bytes.Equal(b.data, o.data) && slices.EqualFunc(b.kids, o.kids, (*box).same)
}

// only is the one box along a path.
func (b *box) only(path ...string) (*box, error) {
	for _, kind := range path {
		var found *box
		for _, k := range b.kids {
			if k.kind != kind {
				continue
			}
			if found != nil {
				return nil, fmt.Errorf("has more than one %q", kind)
			}
			found = k
		}
		if found == nil {
			return nil, fmt.Errorf("has no %q", kind)
		}
		b = found
	}
	return b, nil
}

// number reads a field of a box of version 0, whose numbers have 32 bits.
func (b *box) number(at int) (uint32, error) {
	if len(b.data) < at+4 || b.data[0] != 0 {
		return 0, fmt.Errorf("cannot read its %q", b.kind)
	}
	return binary.BigEndian.Uint32(b.data[at:]), nil
}

// set changes a field of a box of version 0.
func (b *box) set(at int, v uint32) error {
	if _, err := b.number(at); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b.data[at:], v)
	return nil
}

// list reads a table: so many numbers a row, from a place on at which the count of
// the rows is.
func (b *box) list(at, numbers int) ([]uint32, error) {
	n, err := b.number(at)
	if err != nil {
		return nil, err
	}
	data := b.data[at+4:]
	if int64(len(data)) < int64(n)*int64(numbers)*4 {
		return nil, fmt.Errorf("its %q is too short", b.kind)
	}
	list := make([]uint32, int(n)*numbers)
	for i := range list {
		list[i] = binary.BigEndian.Uint32(data[4*i:])
	}
	return list, nil
}

// table is a box with a table: the fields before it, the count of its rows, them.
func table(kind string, before []uint32, rows int, list []uint32) *box {
	b := &box{kind: kind, data: make([]byte, 4, 8+4*(len(before)+len(list)))}
	for _, v := range before {
		b.data = binary.BigEndian.AppendUint32(b.data, v)
	}
	b.data = binary.BigEndian.AppendUint32(b.data, uint32(rows))
	for _, v := range list {
		b.data = binary.BigEndian.AppendUint32(b.data, v)
	}
	return b
}

// mdatHead is what precedes so many bytes of media.
func mdatHead(payload int64) []byte {
	if payload+8 <= math.MaxUint32 {
		return append(binary.BigEndian.AppendUint32(nil, uint32(payload+8)), "mdat"...)
	}
	head := append(binary.BigEndian.AppendUint32(nil, 1), "mdat"...)
	return binary.BigEndian.AppendUint64(head, uint64(payload+16))
}

// mostTables is the longest moov that is read into memory.
const mostTables = 256 << 20

// tables reads what is in a file but the media.
func tables(name string) (ftyp, moov *box, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for at := int64(0); ; {
		var head [16]byte
		n, err := f.ReadAt(head[:], at)
		if n < 8 {
			if err == io.EOF && n == 0 && ftyp != nil && moov != nil {
				return ftyp, moov, nil
			}
			return nil, nil, fmt.Errorf("is not a whole MP4 file")
		}
		size, kind := int64(binary.BigEndian.Uint32(head[:])), string(head[4:8])
		skip := int64(8)
		if size == 1 && n == 16 {
			size, skip = int64(binary.BigEndian.Uint64(head[8:])), 16
		}
		if size < skip {
			return nil, nil, fmt.Errorf("is not a whole MP4 file")
		}
		if kind == "ftyp" || kind == "moov" {
			if size > mostTables {
				return nil, nil, fmt.Errorf("its %q is too long", kind)
			}
			data := make([]byte, size-skip)
			if _, err := f.ReadAt(data, at+skip); err != nil {
				return nil, nil, fmt.Errorf("is not a whole MP4 file: %w", err)
			}
			b, err := parse(kind, data)
			if err != nil {
				return nil, nil, err
			}
			if kind == "ftyp" {
				ftyp = b
			} else {
				moov = b
			}
		}
		at += size
	}
}

// parse reads a box with what is in it.
func parse(kind string, data []byte) (*box, error) {
	fields, holds := holders[kind]
	if !holds {
		return &box{kind: kind, data: data}, nil
	}
	if len(data) < fields {
		return nil, fmt.Errorf("cannot read its %q", kind)
	}
	b := &box{kind: kind, data: data[:fields:fields]}
	data = data[fields:]
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, fmt.Errorf("cannot read its %q", kind)
		}
		size := int64(binary.BigEndian.Uint32(data))
		if size < 8 || size > int64(len(data)) {
			return nil, fmt.Errorf("cannot read its %q", kind)
		}
		kid, err := parse(string(data[4:8]), data[8:size])
		if err != nil {
			return nil, err
		}
		b.kids, data = append(b.kids, kid), data[size:]
	}
	return b, nil
}
