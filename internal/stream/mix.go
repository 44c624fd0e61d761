package stream

import (
	"encoding/binary"
	"strings"

	"github.com/pion/opus"

	"steno/internal/record/compose"
	"steno/internal/record/tracks"
)

const (
	frameLen = rate / 10 // 100 ms, as they are sent
	// margin is how long a frame is held so that a later one is not too late:
	// a batch of the page's script and some jitter.
	margin = rate * 80 / 1000
	// lag is how much longer a voice may be held. One that came in fits and
	// starts is held longer, by up to maxSlack; when it is silent, it catches up.
	lag      = rate * 60 / 1000
	maxSlack = rate / 2
	// longest is what bounds the delay of a voice that is never silent.
	longest = 3 * rate
	// jump is a leap of timestamps that no delay explains.
	jump = 4 * rate
	// quiet is the peak of a packet in which nobody speaks.
	quiet = 0.003

	lowest  = 8000              // rate of raw audio
	maxOpus = rate * 120 / 1000 // the longest packet, in samples
)

// mixer adds the audio of all tracks up. Positions are samples at 48 kHz since
// the mixer began.
type mixer struct {
	rate   int
	base   int64 // position of sum[0]; what is before has been given out
	sum    []int32
	pcm    []int16
	voices map[string]*track
	down   *resampler
}

// track is one voice in the mix.
type track struct {
	codec   string
	decoder *opus.Decoder
	out     []float32
	begun   bool
	rtp     uint32
	at      int64 // position of the packet of rtp
	slack   int64 // how much too late its packets have come lately
}

func newMixer(to int) *mixer {
	return &mixer{rate: to, voices: map[string]*track{}, down: newResampler(rate, to), pcm: make([]int16, frameLen)}
}

// hear takes a packet that came at a position.
func (m *mixer) hear(now int64, s tracks.Sound) {
	t := m.voices[s.Track]
	if t == nil {
		t = &track{codec: strings.ToLower(s.Codec)}
		m.voices[s.Track] = t
	}
	at := now + margin
	if t.begun {
		clock := int64(max(s.ClockRate, 1))
		since := int64(int32(s.RTP-t.rtp)) * rate / clock
		if since <= 0 && since > -jump {
			return // came twice, or too late to be decoded
		}
		switch next := t.at + since; {
		case next >= at+jump:
		case next >= m.base:
			at = next
		default:
			t.slack = min(t.slack+at-next, maxSlack)
		}
	}
	pcm := t.decode(s)
	t.slack -= t.slack / 2000
	if late := at - now - margin; late > longest || late > max(lag, t.slack) && silent(pcm) {
		at -= int64(len(pcm)) // this one is left out, and the next takes its place
		pcm = nil
	}
	t.begun, t.rtp, t.at = true, s.RTP, at
	m.add(at, pcm)
}

func silent(pcm []float32) bool {
	for _, v := range pcm {
		if v > quiet || v < -quiet {
			return false
		}
	}
	return true
}

// decode returns the samples of a packet at 48 kHz; none if it is damaged or of
// a codec that no meeting has been seen to use.
func (t *track) decode(s tracks.Sound) []float32 {
	switch t.codec {
	case "opus":
		return t.opus(s.Payload)
	case "pcm":
		return t.raw(s)
	}
	return nil
}

func (t *track) opus(p []byte) (pcm []float32) {
	// The decoder is given what strangers send.
	defer func() {
		if recover() != nil {
			t.decoder, pcm = nil, nil
		}
	}()
	if t.decoder == nil {
		d, err := opus.NewDecoderWithOutput(rate, 1)
		if err != nil {
			return nil
		}
		t.decoder, t.out = &d, make([]float32, maxOpus)
	}
	n, err := t.decoder.DecodeToFloat32(p, t.out)
	if err != nil {
		return nil
	}
	return t.out[:n]
}

// raw mixes the channels of audio that the browser decoded down, at 48 kHz.
func (t *track) raw(s tracks.Sound) []float32 {
	channels := max(s.Channels, 1)
	n := len(s.Payload) / 2 / channels
	at := func(i int) float32 {
		sum := 0
		for c := range channels {
			sum += int(int16(binary.LittleEndian.Uint16(s.Payload[2*(min(i, n-1)*channels+c):])))
		}
		return float32(sum) / float32(channels) / 32768
	}
	out := t.out[:0]
	step := s.ClockRate
	if step < lowest {
		return nil
	}
	for x := 0; n > 0 && x < n*rate; x += step {
		i, f := x/rate, float32(x%rate)/rate
		out = append(out, at(i)*(1-f)+at(i+1)*f)
	}
	t.out = out
	return out
}

// add mixes samples in. What lies before the base came too late.
func (m *mixer) add(at int64, pcm []float32) {
	if skip := m.base - at; skip > 0 {
		pcm = pcm[min(skip, int64(len(pcm))):]
		at = m.base
	}
	from := int(at - m.base)
	if need := from + len(pcm) - len(m.sum); need > 0 && len(pcm) > 0 {
		m.sum = append(m.sum, make([]int32, need)...)
	}
	for i, v := range pcm {
		m.sum[from+i] += int32(v * 32767)
	}
}

// next returns the next frame if its time is over, as little-endian 16-bit
// samples at the rate that is asked for.
func (m *mixer) next(now int64) ([]byte, bool) {
	if now < m.base+frameLen {
		return nil, false
	}
	have := min(frameLen, len(m.sum))
	for i, v := range m.sum[:have] {
		m.pcm[i] = compose.Limit(v)
	}
	clear(m.pcm[have:])
	m.sum = m.sum[:copy(m.sum, m.sum[have:])]
	m.base += frameLen
	return bytesOf(m.down.convert(m.pcm)), true
}

func bytesOf(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}
