package demo

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestPageShowsEachTurnAtItsPlace(t *testing.T) {
	p := Player{
		Title: "A meeting", Video: "video.mp4", Duration: 100 * time.Second,
		People: []Voice{{Name: `Ana <script>`, Turns: []Span{{From: 10 * time.Second, To: 35 * time.Second}}}},
		Gaps:   []Span{{From: 50 * time.Second, To: 53 * time.Second, Label: "bot killed"}},
		Said:   []Line{{62 * time.Second, "Ana <script>", "Good <b>morning</b>"}},
		Facts:  []Fact{{"A/V offset", "9 ms"}},
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	html := out.String()
	for _, want := range []string{"left:10%;width:25%", "left:50%;width:3%", "bot killed", "0:25", `src="video.mp4"`, "Ana &lt;script&gt;", "1:02", "Good &lt;b&gt;morning"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(html, "Ana <script>") {
		t.Error("a participant's name is written into the page unescaped")
	}
}

func TestPageOfAnEmptyRecordingIsWritten(t *testing.T) {
	var out bytes.Buffer
	if err := (Player{Title: "Nothing", Audio: "output.flac"}).Write(&out); err != nil {
		t.Fatal(err)
	}
}
