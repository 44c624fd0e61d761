package timecode

import (
	"math"
	"sort"
)

// Picture is a luma plane.
type Picture struct {
	W, H int
	Pix  []byte // W*H
}

// Place says where the coded picture is within another: its pixel (u, v) is at
// (X+u·Scale, Y+v·Scale). X and Y may be negative when it is cropped.
type Place struct{ X, Y, Scale float64 }

// Found is a code and where it was seen.
type Found struct {
	Code
	Place
}

// contrast is the least difference between a block and its complement; 219 is
// the full range.
const contrast = 70

// at averages a few pixels around the middle of a block.
func (p Picture) at(pl Place, col, row int) (int, bool) {
	cx := pl.X + pl.Scale*(left+(float64(col)+0.5)*blockW)
	cy := pl.Y + pl.Scale*(top+(float64(row)+0.5)*blockH)
	d := pl.Scale * blockH * 0.15
	sum := 0
	for _, o := range [5][2]float64{{0, 0}, {-d, -d}, {d, -d}, {-d, d}, {d, d}} {
		x, y := int(cx+o[0]), int(cy+o[1])
		if x < 0 || y < 0 || x >= p.W || y >= p.H {
			return 0, false
		}
		sum += int(p.Pix[y*p.W+x])
	}
	return sum / 5, true
}

// bit reads one bit and how clear it is.
func (p Picture) bit(pl Place, col, line int) (one bool, clear int) {
	a, ok1 := p.at(pl, col, 2*line)
	b, ok2 := p.at(pl, col, 2*line+1)
	if !ok1 || !ok2 {
		return false, 0
	}
	if a > b {
		return true, a - b
	}
	return false, b - a
}

// Read reads the code of a picture whose place is known.
func (p Picture) Read(pl Place) (Code, bool) {
	c, _, ok := p.read(pl)
	return c, ok
}

func (p Picture) read(pl Place) (c Code, clear int, ok bool) {
	var v uint16
	for line := range 2 {
		for col := range columns {
			one, q := p.bit(pl, col, line)
			if q < contrast {
				return c, 0, false
			}
			clear += q
			if col == 0 {
				if one != (line == 0) {
					return c, 0, false
				}
				continue
			}
			v <<= 1
			if one {
				v |= 1
			}
		}
	}
	c, ok = decode(v)
	return c, clear, ok
}

// Locate searches a picture for codes of any place between two scales. It
// costs some tens of milliseconds for 1280×720: call it once per layout, and
// Read for each frame.
func (p Picture) Locate(minScale, maxScale float64) []Found {
	var hits []hit
	for s := maxScale; s >= minScale; s /= 1.04 {
		stepX, stepY := s*blockW/4, s*blockH/4
		for y := -top * s; y < float64(p.H)-(top+rows*blockH)*s+1; y += stepY {
			for x := -left * s; x < float64(p.W)-(left+columns*blockW)*s+1; x += stepX {
				pl := Place{x, y, s}
				if c, q, ok := p.read(pl); ok {
					hits = append(hits, hit{Found{c, pl}, q})
				}
			}
		}
	}
	return merge(hits)
}

type hit struct {
	Found
	clear int
}

// merge makes one Found of the many places around each code. The largest goes
// first: parts of a code can look like a smaller one, and whatever lies over a
// code that was found already is dropped.
func merge(hits []hit) []Found {
	sort.Slice(hits, func(i, j int) bool {
		if hits[i].Scale != hits[j].Scale {
			return hits[i].Scale > hits[j].Scale
		}
		return hits[i].clear > hits[j].clear
	})
	var out []Found
	for len(hits) > 0 {
		seed := hits[0]
		var x, y, s, n float64
		var rest []hit
		for _, h := range hits {
			hx, hy := centre(h.Place)
			if !over(seed.Place, hx, hy) {
				rest = append(rest, h)
			} else if h.Code == seed.Code && h.Scale > seed.Scale*0.8 {
				x, y, s, n = x+hx, y+hy, s+h.Scale, n+1
			}
		}
		hits = rest
		x, y, s = x/n, y/n, s/n
		out = append(out, Found{seed.Code, Place{x - s*Width/2, y - s*Height/2, s}})
	}
	return out
}

// over tells whether a point lies on the code of a picture.
func over(p Place, x, y float64) bool {
	cx, cy := centre(p)
	return math.Abs(x-cx) < p.Scale*columns*blockW/2 && math.Abs(y-cy) < p.Scale*rows*blockH/2
}

func centre(p Place) (x, y float64) { return p.X + p.Scale*Width/2, p.Y + p.Scale*Height/2 }
