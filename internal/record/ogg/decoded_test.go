package ogg

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
)

// A file that ffmpeg wrote is cut, and decoded again: what is heard lies where
// the pieces say, to within a packet.
func TestWhatIsHeardOfACutLiesWhereThePiecesSay(t *testing.T) {
	// A tone of 300 ms at each of these seconds.
	tones := []float64{2, 5, 9.5, 14}
	gate := "0"
	for _, at := range tones {
		gate += fmt.Sprintf("+between(t,%g,%g)", at, at+0.3)
	}
	encode := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='0.5*sin(2*PI*440*t)*(%s)':s=48000:d=16", gate),
		"-c:a", "libopus", "-b:a", "32k", "-f", "ogg", "pipe:1")
	source, err := encode.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	var cut bytes.Buffer
	var spans []Span
	for _, at := range tones[1:] { // the first is left out
		spans = append(spans, Span{int64((at - 0.3) * Rate), int64((at + 0.6) * Rate)})
	}
	pieces, err := Cut(&cut, open(t, source), spans)
	if err != nil || len(pieces) != len(spans) {
		t.Fatal(pieces, err)
	}
	decode := exec.Command("ffmpeg", "-v", "error", "-f", "ogg", "-i", "pipe:0", "-f", "s16le", "-ac", "1", "-ar", fmt.Sprint(Rate), "pipe:1")
	decode.Stdin = &cut
	pcm, err := decode.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	heard := onsets(pcm)
	if len(heard) != len(pieces) {
		t.Fatalf("%d tones are heard of %d", len(heard), len(pieces))
	}
	for i, at := range heard {
		source := float64(at-pieces[i].At+pieces[i].From) / Rate
		if off := source - tones[i+1]; off > 0.02 || off < -0.02 {
			t.Errorf("the tone at %g s is said to be at %.3f s", tones[i+1], source)
		}
	}
}

// onsets are the samples at which sound begins after 200 ms of silence.
func onsets(pcm []byte) (list []int64) {
	last := int64(-Rate)
	for i := 0; i+1 < len(pcm); i += 2 {
		if s := int16(uint16(pcm[i]) | uint16(pcm[i+1])<<8); s > 3000 || s < -3000 {
			if at := int64(i / 2); at-last > Rate/5 {
				list = append(list, at)
			}
			last = int64(i / 2)
		}
	}
	return list
}
