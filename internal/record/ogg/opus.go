package ogg

import "time"

const (
	// Rate is that of all positions here, samples a second.
	Rate = 48000
	// PreSkip is the delay of the Opus encoder: the sample of RTP time zero
	// comes out of the decoder so many samples late (RFC 7845 section 4.2;
	// libopus at 48 kHz).
	PreSkip = 312
)

// Silence is one 20 ms packet of digital silence (CELT, fullband, mono).
var Silence = []byte{0xf8, 0xff, 0xfe}

// SilenceSamples is its length.
const SilenceSamples = Rate / 50

// ShortSilence is the same in 2.5 ms.
var ShortSilence = []byte{0xe0, 0xff, 0xfe}

// ShortSilenceSamples is its length.
const ShortSilenceSamples = Rate / 400

// Samples returns the length of an Opus packet in samples at 48 kHz, or 0
// if it is not a valid one (RFC 6716 section 3).
func Samples(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	frame := opusFrame(p[0] >> 3)
	count := 1
	switch p[0] & 3 {
	case 1:
		if len(p)%2 == 0 {
			return 0 // two frames of equal size: the rest must be even
		}
		count = 2
	case 2:
		count = 2
	case 3:
		if len(p) < 2 {
			return 0
		}
		count = int(p[1] & 63)
	}
	if n := frame * count; n <= Rate*120/1000 {
		return n
	}
	return 0
}

func opusFrame(config byte) int {
	ms := func(d time.Duration) int { return int(d * Rate / time.Second) }
	switch {
	case config < 12: // SILK
		return [...]int{ms(10 * time.Millisecond), ms(20 * time.Millisecond), ms(40 * time.Millisecond), ms(60 * time.Millisecond)}[config&3]
	case config < 16: // hybrid
		return [...]int{ms(10 * time.Millisecond), ms(20 * time.Millisecond)}[config&1]
	default: // CELT
		return [...]int{ms(2500 * time.Microsecond), ms(5 * time.Millisecond), ms(10 * time.Millisecond), ms(20 * time.Millisecond)}[config&3]
	}
}
