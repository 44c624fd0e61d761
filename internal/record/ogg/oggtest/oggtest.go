// Package oggtest makes Ogg Opus files for tests.
package oggtest

import (
	"bytes"
	"testing"
	"time"

	"steno/internal/record/ogg"
)

// File is a file of a length with packets that look like a voice in the spans
// [from, to), and silence elsewhere. Nobody could decode it.
func File(t testing.TB, length time.Duration, voice ...[2]time.Duration) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := ogg.NewWriter(&b, 1, ogg.PreSkip, 50, 1)
	if err != nil {
		t.Fatal(err)
	}
	loud := append([]byte{0xf8}, bytes.Repeat([]byte{0x55}, 60)...)
	const packet = 20 * time.Millisecond
	n := int(length / packet)
	for i := range n {
		at := time.Duration(i) * packet
		p := ogg.Silence
		for _, v := range voice {
			if at >= v[0] && at < v[1] {
				p = loud
			}
		}
		if err := w.Add(p, ogg.SilenceSamples); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(uint64(n * ogg.SilenceSamples)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
