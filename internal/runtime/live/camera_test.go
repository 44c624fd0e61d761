package live

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/browser"
	"steno/internal/camera"
	"steno/internal/meeting"
	"steno/lab"
)

// pictures serves a PNG in the colour of each path.
func pictures(t testing.TB) *httptest.Server {
	colours := map[string]color.Color{"/red": color.RGBA{200, 30, 30, 255}, "/green": color.RGBA{30, 160, 30, 255}, "/blue": color.RGBA{30, 30, 200, 255}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := colours[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		img := image.NewRGBA(image.Rect(0, 0, 400, 400)) // of another shape than a camera
		for i := range 400 * 400 {
			img.Set(i%400, i/400, c)
		}
		_ = png.Encode(w, img)
	}))
	t.Cleanup(s.Close)
	return s
}

// showing names the colour that the bot's camera shows in the middle, while its
// sides are black.
func (h *host) showing() string {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patient)
	defer cancel()
	img, _, err := h.room.Face(ctx, "Steno Notes")
	if err != nil {
		h.t.Fatal(err)
	}
	b := img.Bounds()
	if b.Dx()*camera.Height != b.Dy()*camera.Width {
		h.t.Errorf("the camera shows %v", b)
	}
	if r, g, b, _ := img.At(b.Dx()/16, b.Dy()/2).RGBA(); r|g|b > 60<<8 {
		h.t.Errorf("beside the picture is %d %d %d", r>>8, g>>8, b>>8)
	}
	r, g, bl, _ := img.At(b.Dx()/2, b.Dy()/2).RGBA()
	switch {
	case r > 2*g && r > 2*bl:
		return "red"
	case g > 2*r && g > 2*bl:
		return "green"
	case bl > 2*r && bl > 2*g:
		return "blue"
	}
	return "neither"
}

// shows waits until the bot's camera shows a colour.
func (h *host) untilShown(colour string) {
	h.t.Helper()
	h.until("the camera shows "+colour, func() bool { return h.showing() == colour })
}

func shows(server string, byStatus bool, paths ...string) func(*bot.Spec) {
	return func(s *bot.Spec) {
		streams(bot.Streaming{})(s)
		s.Camera = &bot.Camera{ByStatus: byStatus, Turn: time.Hour}
		for _, p := range paths {
			s.Camera.Images = append(s.Camera.Images, server+p)
		}
	}
}

// A bot shows the pictures that it was given, each in its state; that one of them
// cannot be had is noted and stops nothing, and a bot that was killed shows them
// again.
func TestBotShowsPictures(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(shows(pictures(t).URL, true, "/red", "/green", "/blue"))
	h.untilState(bot.Recording)
	h.untilShown("green")
	h.tell(bot.CommandPause, "c1", "")
	h.untilShown("blue")
	h.tell(bot.CommandResume, "c2", "")
	h.untilShown("green")
	h.untilRecorded(time.Second)
	h.kill(h.browserPID(), 9)
	h.untilGaps(1)
	h.until("the camera is on again", func() bool { return h.room.Shows("Steno Notes") })
	h.untilShown("green")
	h.finish(bot.EndAPIRequest)
}

func TestMissingPictureStopsNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Platform = lab.Teams })
	h.start()
	h.launch(func(s *bot.Spec) {
		shows(pictures(t).URL, false, "/red", "/missing")(s)
		s.Platform = meeting.Teams
	})
	h.untilState(bot.Recording)
	h.untilShown("red")
	h.until("a note of the other", func() bool {
		for _, e := range h.journal() {
			if e.Note != nil && strings.Contains(e.Note.Text, "picture 2 for the camera") {
				return true
			}
		}
		return false
	})
	h.untilRecorded(time.Second)
	h.finish(bot.EndAPIRequest)
}

// BenchmarkCamera is what showing a picture costs the browser of an audio-only
// bot in a meeting in which nobody speaks. Run with -benchtime 1x.
func BenchmarkCamera(b *testing.B) {
	for _, show := range []bool{false, true} {
		b.Run(map[bool]string{false: "off", true: "on"}[show], func(b *testing.B) {
			for b.Loop() {
				h := newHost(b, b.TempDir(), func(s *lab.Scenario) { s.Turns, s.Repeat = nil, false })
				h.start()
				h.launch(func(s *bot.Spec) {
					if show {
						shows(pictures(b).URL, false, "/red")(s)
					}
				})
				h.untilState(bot.Recording)
				if show {
					h.untilShown("red")
				}
				pid := h.browserPID()
				from, _ := browser.TreeUsage(pid)
				time.Sleep(30 * time.Second) // the span that is measured
				to, err := browser.TreeUsage(pid)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(2*(to.CPU-from.CPU).Seconds(), "cpu-s/min")
				b.ReportMetric(float64(to.PSS)/(1<<20), "MB")
				h.finish(bot.EndAPIRequest)
			}
		})
	}
}
