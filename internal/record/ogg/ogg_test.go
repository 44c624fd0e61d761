package ogg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// numbered is a packet of 20 ms that can be told from all others, of a size that
// needs several lacing values now and then.
func numbered(n int) []byte {
	p := append(binary.BigEndian.AppendUint32([]byte{0xf8}, uint32(n)), make([]byte, n*37%700)...)
	return p
}

func stream(t testing.TB, packets int) []byte {
	var b bytes.Buffer
	w, err := NewWriter(&b, 1, PreSkip, 7, 1)
	for i := 0; i < packets && err == nil; i++ {
		err = w.Add(numbered(i), SilenceSamples)
	}
	if err == nil {
		err = w.End(uint64(packets * SilenceSamples))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func all(t testing.TB, r *Reader) (list []Packet) {
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func open(t testing.TB, b []byte) *Reader {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPacketsComeBackAsTheyWereWritten(t *testing.T) {
	r := open(t, stream(t, 500))
	if r.Channels != 1 || r.Skip != PreSkip {
		t.Errorf("head says %d channels and %d samples to skip", r.Channels, r.Skip)
	}
	got := all(t, r)
	if len(got) != 500 {
		t.Fatalf("%d packets came back of 500", len(got))
	}
	for i, p := range got {
		if !bytes.Equal(p.Data, numbered(i)) || p.At != int64(i*SilenceSamples-PreSkip) || p.Len != SilenceSamples {
			t.Fatalf("packet %d came back as another one, at %d", i, p.At)
		}
	}
}

// Whatever is cut out, each packet of the cut lies where the pieces say, and
// nothing that was asked for is missing; a second cut goes on behind the first.
func TestPiecesOfACutSayWhereEachPacketCameFrom(t *testing.T) {
	const packets = 300
	source := stream(t, packets)
	rapid.Check(t, func(rt *rapid.T) {
		edges := rapid.SliceOfNDistinct(rapid.Int64Range(0, packets*SilenceSamples), 2, 16, rapid.ID[int64]).Draw(rt, "edges")
		slices.Sort(edges)
		var spans []Span
		for i := 0; i+1 < len(edges); i += 2 {
			spans = append(spans, Span{edges[i], edges[i+1]})
		}
		half := rapid.IntRange(0, len(spans)).Draw(rt, "first cut")
		r := open(t, source)
		kept := map[uint32]bool{}
		for _, part := range [][]Span{spans[:half], spans[half:]} {
			var b bytes.Buffer
			pieces, err := Cut(&b, r, part)
			if err != nil {
				rt.Fatal(err)
			}
			for _, p := range all(t, open(t, b.Bytes())) {
				if bytes.Equal(p.Data, Silence) {
					continue // of an empty cut
				}
				n := binary.BigEndian.Uint32(p.Data[1:])
				kept[n] = true
				i := slices.IndexFunc(pieces, func(q Piece) bool { return p.At >= q.At && p.At < q.At+q.To-q.From })
				if i < 0 {
					rt.Fatalf("no piece says where packet %d came from", n)
				}
				if at := p.At - pieces[i].At + pieces[i].From; at != int64(n)*SilenceSamples-PreSkip {
					rt.Fatalf("packet %d is said to come from %d", n, at)
				}
			}
		}
		for n := range uint32(packets) {
			from := int64(n)*SilenceSamples - PreSkip
			asked := slices.ContainsFunc(spans, func(s Span) bool { return from < s.To && from+SilenceSamples > s.From })
			if asked && !kept[n] {
				rt.Fatalf("packet %d is missing", n)
			}
			// One packet may be shared by the ends of two spans of different cuts.
			if !asked && kept[n] {
				rt.Fatalf("packet %d was not asked for", n)
			}
		}
	})
}

func TestOtherFilesAreRefused(t *testing.T) {
	whole := stream(t, 20)
	for name, b := range map[string][]byte{"nothing": nil, "text": []byte("hello, this is no audio at all, is it?"), "half a head": whole[:20]} {
		if _, err := NewReader(bytes.NewReader(b)); !errors.Is(err, ErrNotOpus) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := open(t, whole[:len(whole)-5])
	for {
		if _, err := r.Next(); err != nil {
			if !errors.Is(err, ErrNotOpus) {
				t.Errorf("a file that was cut off: %v", err)
			}
			break
		}
	}
}
