package stream

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/pion/opus"

	"steno/internal/record/tracks"
	"steno/lab/media"
)

// plainOf decodes a clip as it is.
func plainOf(t *testing.T, c *media.Clip) (pcm []float64) {
	t.Helper()
	d, err := opus.NewDecoderWithOutput(rate, 1)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, maxOpus)
	for _, p := range c.Packets {
		n, err := d.DecodeToFloat32(p, out)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range out[:n] {
			pcm = append(pcm, float64(v))
		}
	}
	return pcm
}

func clip(t *testing.T, name string) *media.Clip {
	t.Helper()
	clips, err := media.Clips()
	if err != nil || clips[name] == nil {
		t.Fatalf("clip %s: %v", name, err)
	}
	return clips[name]
}

// arriving is a packet with the position at which it comes.
type arriving struct {
	at int64
	tracks.Sound
}

// packets lets a clip arrive from a position on, in batches of 40 ms.
func packets(c *media.Clip, track string, from int64, first uint32) (list []arriving) {
	for i, p := range c.Packets {
		at := from + int64(i)*media.PacketSamples
		list = append(list, arriving{at + 1920 - at%1920, tracks.Sound{
			Track: track, Codec: "opus", ClockRate: rate, Channels: 2, RTP: first + uint32(i*media.PacketSamples), Payload: p,
		}})
	}
	return list
}

// run lets packets arrive and returns what comes out until the given position.
func run(m *mixer, list []arriving, until int64) (pcm []float64) {
	i := 0
	for now := int64(0); now <= until; now += 960 {
		for i < len(list) && list[i].at <= now {
			m.hear(list[i].at, list[i].Sound)
			i++
		}
		for {
			b, ok := m.next(now)
			if !ok {
				break
			}
			for ; len(b) > 0; b = b[2:] {
				pcm = append(pcm, float64(int16(binary.LittleEndian.Uint16(b)))/32768)
			}
		}
	}
	return pcm
}

// differs returns how far two signals are apart, in dB below the second.
func differs(got, want []float64) float64 {
	var e, s float64
	for i, w := range want {
		g := 0.0
		if i < len(got) {
			g = got[i]
		}
		e += (g - w) * (g - w)
		s += w * w
	}
	return 10 * math.Log10(s/math.Max(e, 1e-12))
}

func TestTheMixIsWhatWasSaidAtOneConstantDelay(t *testing.T) {
	c := clip(t, "ada-1")
	got := run(newMixer(rate), packets(c, "t1", rate, math.MaxUint32-5000), 6*rate)
	want := plainOf(t, c)
	at := rate + 1920 + margin // the first batch is at its end
	if snr := differs(got[at:], want); snr < 50 {
		t.Errorf("%.1f dB from what was said, want more than 50", snr)
	}
}

func TestTwoWhoSpeakAtOnceAreBothHeard(t *testing.T) {
	a, b := clip(t, "ada-1"), clip(t, "ben-1")
	both := packets(a, "t1", rate, 0)
	for i, p := range packets(b, "t2", rate, 77) {
		at := min(2*i+1, len(both))
		both = append(both[:at], append([]arriving{p}, both[at:]...)...)
	}
	want := plainOf(t, a)
	for i, v := range plainOf(t, b) {
		if i < len(want) {
			want[i] += v
		} else {
			want = append(want, v)
		}
	}
	got := run(newMixer(rate), both, 7*rate)
	if snr := differs(got[rate+1920+margin:], want); snr < 40 {
		t.Errorf("%.1f dB from both voices", snr)
	}
}

func TestSilenceThatIsNotSentKeepsItsLength(t *testing.T) {
	c := clip(t, "ada-1")
	list := packets(c, "t1", rate, 0)
	later := packets(c, "t1", 8*rate, 7*rate)
	got := run(newMixer(rate), append(list, later...), 13*rate)
	if snr := differs(got[8*rate+1920+margin:], plainOf(t, c)); snr < 20 { // the decoder has a past
		t.Errorf("the second utterance is %.1f dB from where it belongs", snr)
	}
}

// A network or a machine that stands still for a while and then gives out all at
// once makes the stream late, not poorer; in the next silence it catches up.
func TestABurstLosesNothingAndTheDelayGoesAgain(t *testing.T) {
	c := clip(t, "ada-1")
	list := packets(c, "t1", rate, 0)
	for i := range list {
		if stuck := int64(2 * rate); list[i].at > stuck && list[i].at < stuck+rate {
			list[i].at = stuck + rate
		}
	}
	first := uint32(len(c.Packets) * media.PacketSamples)
	for i := range 100 { // two seconds of silence
		list = append(list, arriving{rate + int64(first) + int64(i)*960, tracks.Sound{
			Track: "t1", Codec: "opus", ClockRate: rate, RTP: first + uint32(i*960), Payload: media.Silence,
		}})
	}
	again := int64(rate) + int64(first) + 100*960
	list = append(list, packets(c, "t1", again, first+100*960)...)
	got := run(newMixer(rate), list, again+6*rate)
	want := plainOf(t, c)
	var loud, sent float64
	for _, v := range got[:again] {
		loud += v * v
	}
	for _, v := range want {
		sent += v * v
	}
	if loud < 0.99*sent {
		t.Errorf("%.3f of what was said was heard", loud/sent)
	}
	at := int(again) + 1920 + margin // and late by some packets, if at all
	for k := range (lag + maxSlack) / 960 {
		if differs(got[at+k*960:at+k*960+rate], want[:rate]) > 15 {
			return
		}
	}
	t.Error("the second utterance is not where it belongs")
}

// What comes in no order and with any timestamp must neither stop the mix nor
// make it grow.
func TestNonsenseDoesNotStopTheMix(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := newMixer(16000)
	frames := 0
	for now := int64(0); now < 20*rate; now += 960 {
		p := make([]byte, r.IntN(200))
		for i := range p {
			p[i] = byte(r.Uint32())
		}
		codec := []string{"opus", "pcm", "G722"}[r.IntN(3)]
		m.hear(now, tracks.Sound{Track: codec, Codec: codec, ClockRate: r.IntN(3) * 24000, Channels: r.IntN(3), RTP: r.Uint32() >> r.IntN(20), Payload: p})
		for {
			if b, ok := m.next(now); !ok {
				break
			} else if frames++; len(b) != 3200 {
				t.Fatalf("a frame of %d bytes", len(b))
			}
		}
		if len(m.sum) > jump+2*rate {
			t.Fatalf("%d samples wait to be mixed", len(m.sum))
		}
	}
	if frames < 190 {
		t.Errorf("%d frames in 20 s", frames)
	}
}

// A sender whose clock is 0.5 % fast or slow is heard for minutes without its
// voice ever being late by more than the mix allows.
func TestASendersClockMayDrift(t *testing.T) {
	for _, slow := range []float64{0.995, 1.005} {
		m := newMixer(rate)
		heard := 0.0
		for i := range 6000 { // two minutes
			now := int64(float64(i) * 960 * slow)
			pcm := make([]byte, 1920)
			for k := range 960 {
				binary.LittleEndian.PutUint16(pcm[2*k:], 8000)
			}
			m.hear(now, tracks.Sound{Track: "t1", Codec: "pcm", ClockRate: rate, Channels: 1, RTP: uint32(i * 960), Payload: pcm})
			if len(m.sum) > margin+rate+2*frameLen {
				t.Fatalf("%d samples wait at clock %v", len(m.sum), slow)
			}
			for {
				b, ok := m.next(now)
				if !ok {
					break
				}
				for ; len(b) > 0; b = b[2:] {
					heard += float64(int16(binary.LittleEndian.Uint16(b)))
				}
			}
		}
		if share := heard / 8000 / (6000 * 960); share < 0.97 || share > 1.01 {
			t.Errorf("clock %v: %.3f of it was heard", slow, share)
		}
	}
}

func TestResampledTonesKeepTheirLevelAndAliasesGo(t *testing.T) {
	for _, to := range []int{16000, 24000, 32000, 48000} {
		for _, f := range []float64{100, 1000, 6000, float64(to) * 0.43, float64(to) * 0.6} {
			if f >= rate/2 {
				continue
			}
			r := newResampler(rate, to)
			var e float64
			n := 0
			for b := range 10 {
				in := make([]int16, frameLen)
				for i := range in {
					in[i] = int16(10000 * math.Sin(2*math.Pi*f*float64(b*frameLen+i)/rate))
				}
				out := r.convert(in)
				if len(out) != to/10 {
					t.Fatalf("%d Hz: %d samples for 100 ms", to, len(out))
				}
				if b == 0 {
					continue
				}
				for _, v := range out {
					e += float64(v) * float64(v)
					n++
				}
			}
			db := 20 * math.Log10(math.Sqrt(2*e/float64(n))/10000+1e-9)
			if through := f < float64(to)/2; through && math.Abs(db) > 0.3 || !through && db > -50 {
				t.Errorf("%.0f Hz at %d: %.1f dB", f, to, db)
			}
		}
	}
}

func BenchmarkMix(b *testing.B) {
	clips, err := media.Clips()
	if err != nil {
		b.Fatal(err)
	}
	c := clips["ada-1"]
	m := newMixer(24000)
	for i := range b.N { // three people speak for 20 ms
		for k, id := range []string{"t1", "t2", "t3"} {
			m.hear(int64(i)*960, tracks.Sound{Track: id, Codec: "opus", ClockRate: rate, RTP: uint32(i * 960), Payload: c.Packets[(i+50*k)%len(c.Packets)]})
		}
		m.next(int64(i) * 960)
	}
}
