package measure

import (
	"context"
	"math"
	"os"
	"testing"

	"steno/lab/media"
)

// Words are heard where they are, under another voice, too, and none that are not
// there.
func TestHearTellsWhatIsInTheSound(t *testing.T) {
	s := newScene(t)
	const from, to = 6.0, 7.5 // cut out of Ben's first sentence
	file := s.wav("mix.wav", map[string]bool{"Ada": true, "Ben": true}, func(float64) float64 { return 0.25 }, from, to)
	audio, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ear, err := NewEar(context.Background(), []string{"ada-1", "ada-2", "ada-3", "ben-1", "ben-2", "ben-5", "beep"})
	if err != nil {
		t.Fatal(err)
	}
	words, length, err := ear.Hear(context.Background(), audio)
	if err != nil || math.Abs(length-16) > 0.01 {
		t.Fatalf("%v, %g s", err, length)
	}
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range s.truth.Said {
		for _, w := range clips[u.Clip].Words() {
			start := float64(u.StartUS-epoch)/1e6 + 0.25
			at, end := start+samples(w.Start), start+samples(w.End)
			heard := false
			for i, h := range words {
				if h.Clip == u.Clip && h.Text == w.Text && math.Abs(h.From-at) < 0.02 && math.Abs(h.To-end) < 0.02 {
					heard = true
					words = append(words[:i], words[i+1:]...)
					break
				}
			}
			switch out := at > from && end < to; {
			case out && heard, !heard && (end < from || at > to):
				t.Errorf("%s: %q from %.2f to %.2f: heard %v", u.Clip, w.Text, at, end, heard)
			}
		}
	}
	if len(words) > 0 {
		t.Errorf("heard what was not said: %+v", words)
	}
}
