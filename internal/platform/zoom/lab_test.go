package zoom

import (
	"slices"
	"testing"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/platform"
	"steno/internal/platform/pack"
	"steno/internal/platform/platformtest"
	"steno/lab"
	"steno/lab/labtest"
)

// The adapter against the lab's page in a real browser.
func TestConformance(t *testing.T) {
	platformtest.Run(t, platformtest.Suite{
		Adapter: func() platform.Adapter { return New() }, Page: labtest.OnePage(t), Stage: labtest.Start(t, lab.Zoom), Mode: bot.SpeakerView,
		NoTracks: true, UnnamedCaptions: true,
		Skip: map[string]string{"Nowhere": "the page says the same of a meeting that there is not as of one that has not begun; see TestWaitsForHost"},
	})
}

// The page says the same of a meeting that there is not as of one that nobody has
// begun: it is waited for.
func TestWaitsForHost(t *testing.T) {
	s, page := labtest.Start(t, lab.Zoom), labtest.OnePage(t)
	labtest.Enter(t, New(), page(t), s.Nowhere(t), platform.StageHostAbsent)
}

// Without joining the audio nothing is heard, and consent is asked for in the
// call. Who speaks is read from the large picture.
func TestJoinsAudioAndSeesWhoSpeaks(t *testing.T) {
	s, page := labtest.Start(t, lab.Zoom), labtest.NewPage(t)
	m := s.Open(t, lab.Scenario{Consent: true, People: []lab.Participant{{Name: "Ada", NoCam: true}, {Name: "Ben", NoCam: true}}})
	a := New()
	labtest.Enter(t, a, page, m.URL(), platform.StageInCall)
	labtest.Until(t, a, page, "the audio is joined", func(platform.Observation) bool {
		in := m.State().InCall
		return len(in) == 1 && in[0].Media
	})
	if err := m.Say("Ben", "ben-1"); err != nil {
		t.Fatal(err)
	}
	labtest.Until(t, a, page, "Ben speaks", func(o platform.Observation) bool { return slices.Equal(o.Speaking, []string{"Ben"}) })
}

func TestOpensTheWebClient(t *testing.T) {
	t.Parallel()
	p := pack.Builtin(meeting.Zoom)
	for from, to := range map[string]string{
		"https://zoom.us/j/123456789?pwd=a.b+c":           "https://app.zoom.us/wc/123456789/join?pwd=a.b+c",
		"https://us02web.zoom.us/j/123456789":             "https://app.zoom.us/wc/123456789/join",
		"https://company.zoom.com/w/123456789?tk=x":       "https://app.zoom.us/wc/123456789/join?tk=x",
		"https://zoom.us/wc/join/123456789?pwd=x":         "https://app.zoom.us/wc/123456789/join?pwd=x",
		"https://app.zoom.us/wc/123456789/join?pwd=x":     "https://app.zoom.us/wc/123456789/join?pwd=x",
		"https://agency.zoomgov.com/j/1612345678?pwd=x":   "https://agency.zoomgov.com/wc/1612345678/join?pwd=x",
		"https://zoom.us/my/ada.blue":                     "https://zoom.us/my/ada.blue",
		"https://zoom.us.evil.example/j/123456789?pwd=xy": "https://zoom.us.evil.example/j/123456789?pwd=xy",
	} {
		if got := p.Open(from); got != to {
			t.Errorf("%s opens %s, want %s", from, got, to)
		}
	}
}
