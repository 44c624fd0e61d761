package footage

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"

	"steno/lab/timecode"
)

const (
	width  = timecode.Width
	height = timecode.Height
)

// colours are told apart easily, also by the eye. Index: number of the camera.
var colours = [timecode.MaxParticipant + 1]color.RGBA{
	{0x37, 0x47, 0x4f, 255}, {0x1a, 0x6b, 0xc4, 255}, {0xb0, 0x3a, 0x2e, 255}, {0x1e, 0x84, 0x49, 255},
	{0x8e, 0x44, 0xad, 255}, {0xb9, 0x77, 0x0e, 255}, {0x0e, 0x76, 0x78, 255}, {0xa9, 0x32, 0x6f, 255},
}

// Colour returns the background of camera n.
func Colour(n int) color.RGBA { return colours[n%len(colours)] }

// painter draws the frames of one camera as planar YUV 4:2:0.
type painter struct {
	cam  Camera
	face font.Face // of the running time
	base []byte    // what stays the same
	buf  []byte
}

func newPainter(cam Camera) *painter {
	p := &painter{cam: cam, face: face(28), base: make([]byte, width*height*3/2), buf: make([]byte, width*height*3/2)}
	c := Colour(cam.Number)
	y, cb, cr := color.RGBToYCbCr(c.R, c.G, c.B)
	fill(p.base[:width*height], limit(y))
	fill(p.base[width*height:width*height*5/4], cb)
	fill(p.base[width*height*5/4:], cr)
	grey(p.base[width*height:])
	text(p.base, face(44), cam.Name, 80)
	return p
}

// grey takes the colour away from where the code will be, in both chroma
// planes.
func grey(chroma []byte) {
	x, y, w, h := timecode.Bounds()
	for plane := range 2 {
		for row := y / 2; row < (y+h)/2; row++ {
			at := plane*width*height/4 + row*width/2
			fill(chroma[at+x/2:at+(x+w)/2], 128)
		}
	}
}

// limit maps full-range luma to the range of video.
func limit(y byte) byte { return byte(16 + int(y)*219/255) }

func (p *painter) frame(n int) []byte {
	copy(p.buf, p.base)
	// A ball on a circle that closes with the loop, below the code.
	a := 2 * math.Pi * float64(n) / 100
	disc(p.buf, width/2+int(250*math.Sin(a)), 292, 14)
	text(p.buf, p.face, fmt.Sprintf("%02d.%02d", n/FPS, n%FPS), 340)
	timecode.Draw(p.buf[:width*height], timecode.Code{Frame: n, Participant: p.cam.Number})
	return p.buf
}

func disc(luma []byte, cx, cy, r int) {
	for y := cy - r; y <= cy+r; y++ {
		for x := max(cx-r, 0); x <= min(cx+r, width-1); x++ {
			if (x-cx)*(x-cx)+(y-cy)*(y-cy) <= r*r {
				luma[y*width+x] = 235
			}
		}
	}
}

func face(size float64) font.Face {
	f, err := opentype.Parse(goregular.TTF)
	if err != nil {
		panic(err) // the font is part of the program
	}
	face, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72})
	if err != nil {
		panic(err)
	}
	return face
}

// text writes a centred line of white letters with its baseline at y.
func text(luma []byte, face font.Face, s string, y int) {
	img := &image.Gray{Pix: luma[:width*height], Stride: width, Rect: image.Rect(0, 0, width, height)}
	d := font.Drawer{Dst: img, Src: image.NewUniform(color.Gray{Y: 235}), Face: face}
	d.Dot = fixed.Point26_6{X: (fixed.I(width) - d.MeasureString(s)) / 2, Y: fixed.I(y)}
	d.DrawString(s)
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}
