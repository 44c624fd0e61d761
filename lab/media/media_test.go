package media

import (
	"bytes"
	"encoding/binary"
	"math"
	"os/exec"
	"testing"
)

// The manifest's intervals must be where the decoded files are loud, or every
// truth about who spoke is wrong.
func TestManifestFitsTheSound(t *testing.T) {
	clips, err := Clips()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(Voices(), "beep") {
		list, err := Voice(v)
		if err != nil || len(list) == 0 {
			t.Fatalf("voice %s: %d clips, %v", v, len(list), err)
		}
	}
	for name, c := range clips {
		t.Run(name, func(t *testing.T) {
			pcm := decode(t, c)
			if d := c.Samples() - len(pcm); d < 0 || d > 2*PacketSamples {
				t.Errorf("%d samples in the packets, %d decoded", c.Samples(), len(pcm))
			}
			loud := 0.0
			for _, a := range c.Activity {
				loud += energy(pcm, a.Start, a.End)
			}
			if all := energy(pcm, 0, len(pcm)); loud < 0.995*all {
				t.Errorf("only %.2f %% of the sound is within the intervals", 100*loud/all)
			}
			// What is at an edge is heard within a few ms of it.
			s := c.Speech()
			edge := SampleRate * 15 / 1000
			if energy(pcm, s.Start, s.Start+edge) == 0 || energy(pcm, s.End-edge, s.End) == 0 {
				t.Error("silence at an edge of the speech")
			}
		})
	}
}

func energy(pcm []float64, from, to int) float64 {
	sum := 0.0
	for i := max(from, 0); i < min(to, len(pcm)); i++ {
		sum += pcm[i] * pcm[i]
	}
	return sum
}

func decode(t *testing.T, c *Clip) []float64 {
	t.Helper()
	ogg, err := c.Ogg()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ac", "1", "-ar", "48000", "-")
	cmd.Stdin = bytes.NewReader(ogg)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg (needed by this test): %v", err)
	}
	pcm := make([]float64, len(raw)/2)
	for i := range pcm {
		pcm[i] = float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / math.MaxInt16
	}
	return pcm
}

func TestTornOggIsRefused(t *testing.T) {
	clips, err := Clips()
	if err != nil {
		t.Fatal(err)
	}
	ogg, err := clips["ada-1"].Ogg()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 10, 27, 100, len(ogg) - 1} {
		if _, err := OggPackets(ogg[:n]); err == nil {
			t.Errorf("the first %d bytes were taken for a whole file", n)
		}
	}
}
