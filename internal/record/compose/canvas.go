package compose

import "image/color"

// canvas is the picture, planar YUV 4:2:0 in the colours of BT.601, limited
// range, as WebRTC's own video. Coordinates and sizes of video are even.
type canvas struct {
	w, h    int
	buf     []byte
	y, u, v []byte
}

func newCanvas(w, h int) *canvas {
	c := &canvas{w: w, h: h, buf: make([]byte, w*h*3/2)}
	c.y, c.u, c.v = c.buf[:w*h], c.buf[w*h:w*h*5/4], c.buf[w*h*5/4:]
	return c
}

// fill paints a rectangle.
func (c *canvas) fill(x, y, w, h int, col color.RGBA) {
	cy, cu, cv := toYUV(int(col.R), int(col.G), int(col.B), 255)
	rect(c.y, c.w, x, y, w, h, cy)
	rect(c.u, c.w/2, x/2, y/2, w/2, h/2, cu)
	rect(c.v, c.w/2, x/2, y/2, w/2, h/2, cv)
}

func rect(plane []byte, stride, x, y, w, h int, val byte) {
	for row := y; row < y+h; row++ {
		line := plane[row*stride+x : row*stride+x+w]
		for i := range line {
			line[i] = val
		}
	}
}

// blit copies a picture of w by h, planar like the canvas.
func (c *canvas) blit(x, y, w, h int, src []byte) {
	copyPlane(c.y, c.w, x, y, src, w, h)
	copyPlane(c.u, c.w/2, x/2, y/2, src[w*h:], w/2, h/2)
	copyPlane(c.v, c.w/2, x/2, y/2, src[w*h*5/4:], w/2, h/2)
}

func copyPlane(dst []byte, stride, x, y int, src []byte, w, h int) {
	if stride == w {
		copy(dst[y*stride:], src[:w*h])
		return
	}
	for row := range h {
		copy(dst[(y+row)*stride+x:], src[row*w:row*w+w])
	}
}

// frame paints a border of the given width just outside a rectangle.
func (c *canvas) frame(x, y, w, h, width int, col color.RGBA) {
	c.fill(x-width, y-width, w+2*width, width, col)
	c.fill(x-width, y+h, w+2*width, width, col)
	c.fill(x-width, y, width, h, col)
	c.fill(x+w, y, width, h, col)
}

// blend lays a sprite over the picture.
func (c *canvas) blend(x, y int, s *sprite) {
	mixPlane(c.y, c.w, x, y, s.y, s.a, s.w, s.h)
	mixPlane(c.u, c.w/2, x/2, y/2, s.u, s.ac, s.w/2, s.h/2)
	mixPlane(c.v, c.w/2, x/2, y/2, s.v, s.ac, s.w/2, s.h/2)
}

func mixPlane(dst []byte, stride, x, y int, src, alpha []byte, w, h int) {
	for row := range h {
		line := dst[(y+row)*stride+x : (y+row)*stride+x+w]
		s, a := src[row*w:row*w+w], alpha[row*w:row*w+w]
		for i := range line {
			line[i] = byte(int(s[i]) + int(line[i])*(255-int(a[i]))/255)
		}
	}
}

// toYUV converts a colour that is premultiplied by alpha a (of 255).
func toYUV(r, g, b, a int) (y, u, v byte) {
	y = clampByte((16000*a/255 + 257*r + 504*g + 98*b) / 1000)
	u = clampByte((128000*a/255 - 148*r - 291*g + 439*b) / 1000)
	v = clampByte((128000*a/255 + 439*r - 368*g - 71*b) / 1000)
	return y, u, v
}

func clampByte(v int) byte { return byte(max(0, min(255, v))) }
