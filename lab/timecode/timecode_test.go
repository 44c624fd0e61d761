package timecode

import (
	"math/rand/v2"
	"testing"
)

func drawn(c Code) Picture {
	p := Picture{W: Width, H: Height, Pix: make([]byte, Width*Height)}
	for i := range p.Pix {
		p.Pix[i] = 110
	}
	Draw(p.Pix, c)
	return p
}

func TestEveryCodeIsReadBack(t *testing.T) {
	for frame := 0; frame <= MaxFrame; frame++ {
		want := Code{frame, frame % (MaxParticipant + 1)}
		if got, ok := drawn(want).Read(Place{Scale: 1}); !ok || got != want {
			t.Fatalf("read %v, %v; want %v", got, ok, want)
		}
	}
}

// A block that is wrong in both rows must not give another code.
func TestSingleWrongBitIsRefused(t *testing.T) {
	c := Code{614, 3}
	for bit := range 16 {
		if got, ok := decode(c.bits() ^ 1<<bit); ok {
			t.Errorf("with bit %d wrong it reads as %v", bit, got)
		}
	}
}

func TestNoiseHoldsNoCode(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := Picture{W: 320, H: 180, Pix: make([]byte, 320*180)}
	for i := range p.Pix {
		p.Pix[i] = byte(r.UintN(256))
	}
	if found := p.Locate(0.25, 0.5); len(found) != 0 {
		t.Errorf("found %v in noise", found)
	}
}

func TestCodeOutsideThePictureIsNotRead(t *testing.T) {
	if c, ok := drawn(Code{5, 1}).Read(Place{X: -300, Scale: 1}); ok {
		t.Errorf("read %v", c)
	}
}
