package camera

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"steno/internal/netguard"
)

// picture is red, in its left half as far as it is transparent.
func picture(w, h int, transparent bool) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			if !transparent || x < w/2 {
				img.Set(x, y, color.NRGBA{R: 220, A: 255})
			}
		}
	}
	return img
}

func encoded(t *testing.T, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t *testing.T, img image.Image) []byte {
	t.Helper()
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
}

// redWebP is 16 by 16 red pixels, lossless.
const redWebP = "UklGRhwAAABXRUJQVlA4TA8AAAAvD8ADAAcQ5Y7+ByKi/wEA"

func TestFitsWholeInTheMiddle(t *testing.T) {
	webp, err := base64.StdEncoding.DecodeString(redWebP)
	if err != nil {
		t.Fatal(err)
	}
	red, black, white := [3]uint8{220, 0, 0}, [3]uint8{0, 0, 0}, [3]uint8{255, 255, 255}
	for _, c := range []struct {
		name         string
		raw          []byte
		left, middle [3]uint8
		right, top   [3]uint8
	}{
		{"wide enough", asPNG(t, picture(320, 180, false)), red, red, red, red},
		{"tall", asPNG(t, picture(100, 400, false)), black, red, black, red},
		{"flat", asPNG(t, picture(800, 100, false)), red, red, red, black},
		{"transparent", asPNG(t, picture(320, 180, true)), red, red, white, red},
		{"JPEG", encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, picture(64, 64, false), nil) }), black, red, black, red},
		{"WebP", webp, black, red, black, red},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			out, err := Fit(c.raw)
			if err != nil {
				t.Fatal(err)
			}
			img, err := jpeg.Decode(bytes.NewReader(out))
			if err != nil || img.Bounds().Dx() != Width || img.Bounds().Dy() != Height {
				t.Fatalf("%v, %v", img.Bounds(), err)
			}
			for _, p := range []struct {
				x, y int
				want [3]uint8
			}{{10, Height / 2, c.left}, {Width/2 - 20, Height / 2, c.middle}, {Width - 10, Height / 2, c.right}, {Width/2 - 20, 4, c.top}} {
				r, g, b, _ := img.At(p.x, p.y).RGBA()
				for i, v := range []uint32{r, g, b} {
					if d := int(v>>8) - int(p.want[i]); d < -40 || d > 40 {
						t.Errorf("at %d,%d: %d %d %d, want %v", p.x, p.y, r>>8, g>>8, b>>8, p.want)
						break
					}
				}
			}
		})
	}
}

func TestRefusesWhatIsNoPicture(t *testing.T) {
	huge := asPNG(t, picture(8, 8, false))
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65536 by 65536, as its header says
	for name, raw := range map[string][]byte{
		"nothing": nil, "text": []byte("<html>not here</html>"), "a picture that is cut off": asPNG(t, picture(64, 64, false))[:60], "huge": huge,
		"another format": encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, picture(8, 8, false), nil) }),
	} {
		if out, err := Fit(raw); err == nil {
			t.Errorf("%s: %d bytes", name, len(out))
		}
	}
}

func TestFetchKeepsToTheRules(t *testing.T) {
	good := asPNG(t, picture(8, 8, false))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/good":
			_, _ = w.Write(good)
		case "/endless":
			for chunk := make([]byte, 1<<20); ; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		case "/elsewhere":
			http.Redirect(w, r, "/good", http.StatusFound)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	open := netguard.New(netguard.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer open.Close()
	for _, c := range []struct {
		name, path string
		guard      *netguard.Guard
		want       string // in the error
	}{
		{"a picture", "/good", open, ""},
		{"a private address", "/good", netguard.New(netguard.Options{}), "address"},
		{"too many bytes", "/endless", open, "more than"},
		{"a redirect", "/elsewhere", open, "302"},
		{"missing", "/none", open, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Fetch(t.Context(), c.guard, s.URL+c.path+"?token=secret")
			switch {
			case c.want == "" && (err != nil || len(out) == 0):
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret")):
				t.Errorf("%v, want an error with %q and no URL", err, c.want)
			}
		})
	}
}
