package compose

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomedium"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Colours of everything that is drawn: calm and dark.
var (
	backColor = color.RGBA{0x10, 0x12, 0x16, 255}
	cardColor = color.RGBA{0x1c, 0x20, 0x28, 255}
	textColor = color.RGBA{0xec, 0xee, 0xf2, 255}
	softColor = color.RGBA{0x9a, 0xa3, 0xb2, 255}
	markColor = color.RGBA{0x5b, 0x9d, 0xff, 255}
	pillColor = color.RGBA{0, 0, 0, 0x99} // premultiplied black
	faces     = []color.RGBA{
		{0x3f, 0x6a, 0xb5, 255}, {0x8a, 0x5a, 0xa8, 255}, {0x2f, 0x84, 0x7c, 255}, {0xb0, 0x6a, 0x3b, 255},
		{0x9c, 0x4a, 0x63, 255}, {0x5c, 0x7a, 0x3a, 255}, {0x4a, 0x57, 0x8f, 255}, {0x87, 0x72, 0x35, 255},
	}
)

// sprite is a small picture with transparency, ready to be blended. Colours
// are premultiplied.
type sprite struct {
	w, h     int
	y, a     []byte
	u, v, ac []byte
}

// artist draws cards and labels, and keeps what it has drawn.
type artist struct {
	bold, medium *sfnt.Font
	faces        map[faceKey]font.Face
	labels       map[labelKey]*sprite
}

type faceKey struct {
	bold bool
	size int
}

type labelKey struct {
	text       string
	size, room int
}

func newArtist() (*artist, error) {
	bold, err := opentype.Parse(gobold.TTF)
	if err != nil {
		return nil, err
	}
	medium, err := opentype.Parse(gomedium.TTF)
	if err != nil {
		return nil, err
	}
	return &artist{bold: bold, medium: medium, faces: map[faceKey]font.Face{}, labels: map[labelKey]*sprite{}}, nil
}

func (a *artist) face(bold bool, size int) font.Face {
	k := faceKey{bold, size}
	if f := a.faces[k]; f != nil {
		return f
	}
	src := a.medium
	if bold {
		src = a.bold
	}
	f, err := opentype.NewFace(src, &opentype.FaceOptions{Size: float64(size), DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic("embedded font: " + err.Error()) // cannot be: the options are constant
	}
	a.faces[k] = f
	return f
}

// readable drops what the font has no glyph for.
func (a *artist) readable(text string) string {
	var buf sfnt.Buffer
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if g, err := a.medium.GlyphIndex(&buf, r); err != nil || g == 0 || unicode.IsControl(r) {
			return -1
		}
		return r
	}, text))
}

// written is a tile's name as far as the font goes, else its alias.
func (a *artist) written(t tile) string {
	if s := a.readable(t.name); initials(s) != "" {
		return s
	}
	return t.alias
}

// fit shortens text to a width.
func fit(f font.Face, text string, room int) string {
	if font.MeasureString(f, text).Ceil() <= room {
		return text
	}
	runes := []rune(text)
	for len(runes) > 1 {
		runes = runes[:len(runes)-1]
		if s := strings.TrimSpace(string(runes)) + "…"; font.MeasureString(f, s).Ceil() <= room {
			return s
		}
	}
	return "…"
}

// label is a name on a dark pill, at most room pixels wide. Nil if there is
// nothing to read.
func (a *artist) label(text string, size, room int) *sprite {
	k := labelKey{text, size, room}
	if s, ok := a.labels[k]; ok {
		return s
	}
	if len(a.labels) > 500 {
		clear(a.labels)
	}
	a.labels[k] = a.drawLabel(text, size, room)
	return a.labels[k]
}

func (a *artist) drawLabel(text string, size, room int) *sprite {
	text = a.readable(text)
	if text == "" {
		return nil
	}
	f := a.face(false, size)
	pad := size * 2 / 3
	text = fit(f, text, room-2*pad)
	w := (font.MeasureString(f, text).Ceil() + 2*pad + 1) &^ 1
	h := (size*9/5 + 1) &^ 1
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	round(img, float64(h)/3.2, pillColor)
	write(img, f, text, pad, h/2+size*7/20, textColor)
	return newSprite(img)
}

// card is the tile of somebody without video, or a message.
func (a *artist) card(t tile) []byte {
	img := image.NewRGBA(image.Rect(0, 0, t.w, t.h))
	back := cardColor
	if t.plain {
		back = backColor
	}
	draw.Draw(img, img.Bounds(), image.NewUniform(back), image.Point{}, draw.Src)
	if t.note != "" {
		f := a.face(false, 34)
		w := font.MeasureString(f, t.note).Ceil()
		write(img, f, t.note, (t.w-w)/2, t.h/2+12, softColor)
		return newSprite(img).flat()
	}
	radius := float64(t.h) * 0.2
	disc(img, float64(t.w)/2, float64(t.h)/2, radius, faces[t.order%len(faces)])
	size := max(int(radius*0.78), 8)
	f := a.face(true, size)
	text := initials(a.written(t))
	w := font.MeasureString(f, text).Ceil()
	write(img, f, text, (t.w-w)/2, t.h/2+size*36/100, textColor)
	return newSprite(img).flat()
}

// initials are the first letters of the first and the last word of a name.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
	if len(words) == 0 {
		return ""
	}
	s := string([]rune(words[0])[:1])
	if len(words) > 1 {
		s += string([]rune(words[len(words)-1])[:1])
	}
	return strings.ToUpper(s)
}

func write(img *image.RGBA, f font.Face, text string, x, y int, c color.RGBA) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(c), Face: f, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// disc draws a filled circle with soft edges.
func disc(img *image.RGBA, cx, cy, r float64, c color.RGBA) {
	cover(img, c, func(x, y float64) float64 { return r - math.Hypot(x-cx, y-cy) })
}

// round fills the whole image with rounded corners.
func round(img *image.RGBA, r float64, c color.RGBA) {
	w, h := float64(img.Bounds().Dx()), float64(img.Bounds().Dy())
	cover(img, c, func(x, y float64) float64 {
		dx, dy := max(r-x, x-(w-r), 0), max(r-y, y-(h-r), 0)
		return r - math.Hypot(dx, dy)
	})
}

// cover paints where depth, the distance to the edge, is above zero.
func cover(img *image.RGBA, c color.RGBA, depth func(x, y float64) float64) {
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			k := max(0, min(1, depth(float64(x)+0.5, float64(y)+0.5)+0.5))
			if k == 0 {
				continue
			}
			d := img.RGBAAt(x, y)
			keep := 1 - k*float64(c.A)/255
			over := func(s, d uint8) uint8 { return uint8(float64(s)*k + float64(d)*keep + 0.5) }
			img.SetRGBA(x, y, color.RGBA{over(c.R, d.R), over(c.G, d.G), over(c.B, d.B), over(c.A, d.A)})
		}
	}
}

// newSprite converts an image of even size.
func newSprite(img *image.RGBA) *sprite {
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	s := &sprite{w: w, h: h, y: make([]byte, w*h), a: make([]byte, w*h),
		u: make([]byte, w*h/4), v: make([]byte, w*h/4), ac: make([]byte, w*h/4)}
	for y := range h {
		for x := range w {
			p := img.RGBAAt(x, y)
			s.y[y*w+x], _, _ = toYUV(int(p.R), int(p.G), int(p.B), int(p.A))
			s.a[y*w+x] = p.A
		}
	}
	for y := range h / 2 {
		for x := range w / 2 {
			var r, g, b, a int
			for _, q := range [4]image.Point{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
				p := img.RGBAAt(2*x+q.X, 2*y+q.Y)
				r, g, b, a = r+int(p.R), g+int(p.G), b+int(p.B), a+int(p.A)
			}
			i := y*w/2 + x
			_, s.u[i], s.v[i] = toYUV(r/4, g/4, b/4, a/4)
			s.ac[i] = byte(a / 4)
		}
	}
	return s
}

// flat is the sprite as a picture without transparency.
func (s *sprite) flat() []byte {
	return append(append(append(make([]byte, 0, s.w*s.h*3/2), s.y...), s.u...), s.v...)
}
