package tracks

import (
	"encoding/binary"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// appendRecord writes a sample as worker.js does.
func appendRecord(b []byte, s sample) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s.payload)))
	b = binary.LittleEndian.AppendUint16(b, uint16(s.track))
	var flags byte
	if s.key {
		flags |= flagKey
	}
	if s.hasSeq {
		flags |= flagSeq
	}
	b = append(b, flags, byte(len(s.csrcs)))
	b = binary.LittleEndian.AppendUint16(b, s.seq)
	b = binary.LittleEndian.AppendUint16(b, s.level)
	b = binary.LittleEndian.AppendUint32(b, s.rtp)
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(s.arrival)))
	for _, c := range s.csrcs {
		b = binary.LittleEndian.AppendUint32(b, c)
	}
	return append(b, s.payload...)
}

func TestBatchIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []sample
		var b []byte
		for range rapid.IntRange(0, 5).Draw(t, "records") {
			s := sample{
				track:   rapid.IntRange(0, 1<<16-1).Draw(t, "track"),
				key:     rapid.Bool().Draw(t, "key"),
				hasSeq:  rapid.Bool().Draw(t, "has seq"),
				seq:     rapid.Uint16().Draw(t, "seq"),
				level:   rapid.Uint16Range(0, 128).Draw(t, "level"),
				rtp:     rapid.Uint32().Draw(t, "rtp"),
				arrival: rapid.Int64Range(1, 1<<52).Draw(t, "arrival"),
				csrcs:   rapid.SliceOfN(rapid.Uint32(), 0, 15).Draw(t, "csrcs"),
				payload: rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "payload"),
			}
			if len(s.csrcs) == 0 {
				s.csrcs = nil
			}
			want = append(want, s)
			b = appendRecord(b, s)
		}
		var got []sample
		if err := parseBatch(b, func(s sample) { got = append(got, s) }); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("read %+v, %v; want %+v", got, err, want)
		}
		if cut := rapid.IntRange(0, len(b)).Draw(t, "cut"); cut < len(b) {
			n := 0
			err := parseBatch(b[:cut], func(sample) { n++ })
			if n >= len(want) || (err == nil && n == 0 && cut > 0) {
				t.Fatalf("cut at %d: %d records, %v", cut, n, err)
			}
		}
	})
}

// FuzzBatch: whatever a page sends, nothing but an error comes of it.
func FuzzBatch(f *testing.F) {
	f.Add(appendRecord(nil, sample{arrival: 1, csrcs: []uint32{1}, payload: []byte("x")}))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		_ = parseBatch(b, func(s sample) { total += len(s.payload) })
		if total > len(b) {
			t.Errorf("%d bytes of payload out of %d", total, len(b))
		}
	})
}

func TestRedundantAudioFillsInWhatWasLost(t *testing.T) {
	red := func(old string, back uint32, now string) []byte {
		b := binary.BigEndian.AppendUint32(nil, 0x80000000|111<<24|back<<10|uint32(len(old)))
		return append(append(append(b, 111), old...), now...)
	}
	var r redundancy
	var got []string
	var at []uint32
	for _, s := range []sample{
		{rtp: 960, payload: red("zero", 960, "one")}, // zero came before we listened
		{rtp: 1920, payload: red("one", 960, "two")},
		// three is lost
		{rtp: 3840, payload: red("three", 960, "four")},
		{rtp: 4800, payload: append([]byte{111}, "five"...)},
	} {
		for _, one := range r.fresh(s) {
			got, at = append(got, string(one.payload)), append(at, one.rtp)
		}
	}
	if !reflect.DeepEqual(got, []string{"one", "two", "three", "four", "five"}) || !reflect.DeepEqual(at, []uint32{960, 1920, 2880, 3840, 4800}) {
		t.Errorf("got %q at %v", got, at)
	}
	for _, bad := range [][]byte{nil, {0x80}, {0xff, 0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0xff, 1, 2}} {
		if b := parseRED(bad); b != nil {
			t.Errorf("%x is read as %v", bad, b)
		}
	}
}

func TestSoundIsToldFromSilence(t *testing.T) {
	opus := func(config, first byte, size int) sample {
		p := make([]byte, size)
		p[0], p[1] = config<<3, first
		return sample{payload: p}
	}
	for name, c := range map[string]struct {
		s    sample
		want bool
	}{
		"level of speech":                {sample{level: 1 + 25, payload: []byte{1}}, true},
		"level of a quiet room":          {sample{level: 1 + 70, payload: make([]byte, 100)}, false},
		"no transmission":                {opus(9, 0xff, 2), false},
		"20 ms of speech layer, voice":   {opus(9, 0x80, 60), true},
		"20 ms of speech layer, none":    {opus(9, 0x7f, 60), false},
		"60 ms of speech layer, at last": {opus(11, 0x20, 60), true},
		"hybrid, voice":                  {opus(15, 0x80, 80), true},
		"music layer, full":              {opus(31, 0, 80), true},
		"music layer, silence":           {opus(31, 0, 8), false},
	} {
		if got := loud("opus", c.s); got != c.want {
			t.Errorf("%s: loud is %v", name, got)
		}
	}
}

// Decoded audio is stamped by its arrival; chunks that come in time join
// without a gap, and time that the decoder left out stays left out.
func TestDecodedAudioIsAnchoredOnArrival(t *testing.T) {
	a := anchor{rate: 48000}
	const start = int64(1_790_000_000_000_000)
	first := a.stamp(start, 480)
	for i := int64(1); i < 500; i++ {
		jitter := (i % 7) * 3_000
		if got := a.stamp(start+i*10_000+jitter, 480); got-first != uint32(i*480) {
			t.Fatalf("chunk %d is %d samples after the first", i, got-first)
		}
	}
	late := a.stamp(start+5_000_000+2_000_000, 480)
	if got := float64(late-first) / 48000; math.Abs(got-7) > 0.001 {
		t.Errorf("after a stall of 2 s the clock stands at %.3f s, want 7", got)
	}
}
