package session

import (
	"bytes"
	"errors"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"steno/internal/bot"
	"steno/internal/record/journal"
)

func TestWhichPictureIsShown(t *testing.T) {
	a, b, c := []byte("a"), []byte("b"), []byte("c")
	for _, x := range []struct {
		name              string
		byStatus          bool
		pictures          [][]byte
		in                time.Duration
		recording, paused bool
		want              int
	}{
		{"the only one", false, [][]byte{a}, time.Hour, true, true, 0},
		{"none is there yet", false, [][]byte{nil, nil}, 0, false, false, -1},
		{"each has its turn", false, [][]byte{a, b, c}, 65 * time.Second, false, false, 2},
		{"and again", false, [][]byte{a, b, c}, 95 * time.Second, true, false, 0},
		{"one is missing", false, [][]byte{a, nil, c}, 35 * time.Second, true, false, 0},
		{"the first is missing", false, [][]byte{nil, b}, 0, true, false, 1},
		{"come", true, [][]byte{a, b, c}, time.Hour, false, false, 0},
		{"recording", true, [][]byte{a, b, c}, 0, true, false, 1},
		{"paused", true, [][]byte{a, b, c, a}, 0, true, true, 2},
		{"paused, two pictures", true, [][]byte{a, b}, 0, true, true, 1},
		{"paused, one picture", true, [][]byte{a}, 0, true, true, 0},
	} {
		book := &album{spec: bot.Camera{ByStatus: x.byStatus, Turn: 30 * time.Second}, pictures: x.pictures}
		if n, picture := book.at(x.in, x.recording, x.paused); n != x.want || n >= 0 && !bytes.Equal(picture, x.pictures[n]) {
			t.Errorf("%s: number %d, want %d", x.name, n, x.want)
		}
	}
}

// The camera is switched on once the picture is there; a page that does not let
// the bot is tried twice, noted, and left alone.
func TestCameraIsSwitchedOn(t *testing.T) {
	for name, c := range map[string]struct {
		dark error
		lit  int
	}{"on": {nil, 1}, "not let": {errors.New("no switch"), cameraTries}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_ = png.Encode(w, image.NewGray(image.Rect(0, 0, 4, 4)))
			}))
			defer server.Close()
			w := newWorld(t, func(s *bot.Spec) {
				s.Camera = &bot.Camera{Images: []string{server.URL}, Turn: time.Hour}
				s.Reach.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
			})
			w.dark = c.dark
			w.show(inCall("me"))
			p := w.start()
			w.until("camera", func([]journal.Entry) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.lit == c.lit })
			looks := 0
			w.set(func() { looks = w.looks })
			w.until("more looks", func([]journal.Entry) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.looks > looks+5 })
			w.set(func() {
				if w.lit != c.lit || len(w.shown) != 1 || !bytes.HasPrefix(w.shown[0], []byte("\xff\xd8")) {
					t.Errorf("switched on %d times, %d pictures shown", w.lit, len(w.shown))
				}
			})
			p.leave <- "terminal"
			if err := p.wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
