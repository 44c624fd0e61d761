package lab

import (
	"strings"
	"testing"

	"steno/lab/media"
)

// Captions grow with what is said, are wrong now and then, and end with what was
// said, some time after it.
func TestCaptionsGrowWithWhatIsSaid(t *testing.T) {
	t.Parallel()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range clips {
		if c.Text == "" {
			continue
		}
		texts, after := stages(c)
		words := strings.Fields(c.Text)
		if len(texts) != len(words)+1 || texts[len(texts)-1] != c.Text {
			t.Errorf("%s: %d stages, the last is %q", name, len(texts), texts[len(texts)-1])
		}
		wrong := 0
		for i := range words {
			if i > 0 && after[i] < after[i-1] || after[i] > c.Samples() {
				t.Errorf("%s: word %d comes after %d samples of %d", name, i, after[i], c.Samples())
			}
			if n := len(strings.Fields(texts[i])); n != i+1 {
				t.Errorf("%s: stage %d has %d words", name, i, n)
			}
			if !strings.HasSuffix(texts[i], strings.Trim(words[i], ".,?!")) {
				wrong++
			}
		}
		if wrong == 0 {
			t.Errorf("%s: no word is ever wrong", name)
		}
	}
}

// On Meet the words of one person go on in one line until another speaks, elsewhere
// each time has its own; the truth has them all.
func TestWhereCaptionsGo(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]string{
		Meet: "Ada: one two / Ben: three / Ada: four", Teams: "Ada: one / Ada: two / Ben: three / Ada: four", Zoom: "Ada: one / Ada: two / Ben: three / Ada: four",
	} {
		s, err := Start(t.Context(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := s.Open(t.Context(), Scenario{Code: "abc-defg-hij", Platform: platform, People: []Participant{{Name: "Ada", NoCam: true}, {Name: "Ben", NoCam: true}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range [][2]string{{"Ada", "one"}, {"Ada", "two"}, {"Ben", "three"}, {"Ada", "four"}} {
			m.Caption(line[0], line[1])
		}
		var got []string
		for _, c := range m.Truth().Captions {
			got = append(got, c.Name+": "+c.Text)
		}
		if text := strings.Join(got, " / "); text != want {
			t.Errorf("%s: %s, want %s", platform, text, want)
		}
		s.Close()
	}
}
