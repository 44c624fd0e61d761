// Package timecode writes and reads a number that is burnt into video: which
// frame of its loop a picture is, and whose. The code survives re-encoding,
// scaling to a quarter and cropping to a square.
//
// It is pure: pixels in, pixels out.
package timecode

// Size of the pictures that carry a code, in pixels.
const (
	Width  = 640
	Height = 360
)

// MaxFrame and MaxParticipant bound what fits into a code.
const (
	MaxFrame       = 1<<10 - 1
	MaxParticipant = 1<<3 - 1
)

// Layout: two lines of nine blocks; the first block of a line is its marker
// (white in the first line, black in the second), eight carry bits. Under each
// line stands its complement, so that every bit is read as a difference.
const (
	columns = 9
	rows    = 4
	blockW  = 36
	blockH  = 30
	left    = (Width - columns*blockW) / 2
	top     = (Height - rows*blockH) / 2
)

// Code is what a picture says about itself.
type Code struct {
	Frame       int // position in the loop
	Participant int
}

// bits packs a code: 10 bits frame, 3 bits participant, 3 bits checksum.
func (c Code) bits() uint16 {
	v := uint16(c.Frame&MaxFrame)<<3 | uint16(c.Participant&MaxParticipant)
	return v<<3 | sum(v)
}

// sum is a checksum of three bits over 13: a CRC with polynomial x³+x+1, begun
// at 101 so that all zeros is no code.
func sum(v uint16) uint16 {
	r := uint16(5)
	for i := 12; i >= 0; i-- {
		r = r<<1 | v>>i&1
		if r&8 != 0 {
			r ^= 0xb
		}
	}
	return r & 7
}

func decode(v uint16) (Code, bool) {
	if sum(v>>3) != v&7 {
		return Code{}, false
	}
	return Code{Frame: int(v >> 6), Participant: int(v >> 3 & MaxParticipant)}, true
}

// white tells whether the block of a column and row is white.
func (c Code) white(col, row int) bool {
	var bit bool
	line := row / 2
	if col == 0 {
		bit = line == 0
	} else {
		bit = c.bits()>>(15-(line*8+col-1))&1 == 1
	}
	return bit != (row%2 == 1)
}

// Draw puts a code on a luma plane of Width×Height.
func Draw(luma []byte, c Code) {
	for row := range rows {
		for col := range columns {
			level := byte(16)
			if c.white(col, row) {
				level = 235
			}
			for y := top + row*blockH; y < top+(row+1)*blockH; y++ {
				at := y*Width + left + col*blockW
				for x := range blockW {
					luma[at+x] = level
				}
			}
		}
	}
}

// Bounds returns the area of the code: x, y of its corner and its size.
func Bounds() (x, y, w, h int) { return left, top, columns * blockW, rows * blockH }
