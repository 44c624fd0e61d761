package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os/exec"
	"sync"
	"time"

	"github.com/pion/opus"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"steno/lab/media"
)

const (
	// mixLead is how long before its time a packet of a person goes to the
	// mixer, so that what is mixed can leave at that time.
	mixLead = time.Second
	// mixWait is how much later the mixer takes what is there for encoding.
	mixWait = 500 * time.Millisecond
	// opusDelay is the delay of a decoder in samples (RFC 7845 section 4.2),
	// which the mixer takes back.
	opusDelay = 312
)

// mixer is one track for everybody's audio, as a server sends it that mixes:
// the voices are decoded, added up and encoded again. Nobody can tell from the
// track who speaks, and whose it is is in no header either; the page shows it.
type mixer struct {
	m   *Meeting
	out *source

	mu     sync.Mutex
	voices map[*person]*opus.Decoder
	slots  map[int64]*mixSlot // by number of the packet since the meeting's origin
	next   int64              // the first that is not encoded yet
}

// mixSlot is 20 ms of the mix.
type mixSlot struct {
	pcm    [media.PacketSamples]float32
	speaks map[*person]bool
}

func newMixer(m *Meeting) *mixer {
	return &mixer{m: m, out: &source{id: "a-mix", stream: "s-mix", codec: opusCodec},
		voices: map[*person]*opus.Decoder{}, slots: map[int64]*mixSlot{}}
}

// lead is how long before their time people's packets are made.
func (m *Meeting) lead() time.Duration {
	if m.mix == nil {
		return 0
	}
	return mixLead
}

// send takes a packet of a person for its place in the schedule.
func (x *mixer) send(p *person, payload []byte, now moment, voice bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := int64(now.at.Sub(x.m.origin) / packetTime)
	x.slot(n).speaks[p] = voice
	if &payload[0] == &media.Silence[0] {
		return
	}
	dec := x.voices[p]
	if dec == nil {
		d, err := opus.NewDecoderWithOutput(media.SampleRate, 1)
		if err != nil {
			x.m.log.Warn("mixer has no decoder", "error", err)
			return
		}
		dec, x.voices[p] = &d, &d
	}
	pcm := make([]float32, media.PacketSamples)
	if _, err := dec.DecodeToFloat32(payload, pcm); err != nil {
		x.m.log.Warn("mixer cannot decode", "who", p.Name, "error", err)
		return
	}
	for i, v := range pcm {
		if at := n*media.PacketSamples + int64(i) - opusDelay; at >= x.next*media.PacketSamples {
			x.slot(at / media.PacketSamples).pcm[at%media.PacketSamples] += v
		}
	}
}

func (x *mixer) slot(n int64) *mixSlot {
	s := x.slots[n]
	if s == nil {
		s = &mixSlot{speaks: map[*person]bool{}}
		x.slots[n] = s
	}
	return s
}

// run mixes until the meeting ends.
func (x *mixer) run(ctx context.Context, ffmpeg string) error {
	if ffmpeg == "" {
		ffmpeg = "ffmpeg"
	}
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-probesize", "32", "-analyzeduration", "0",
		"-f", "s16le", "-ar", "48000", "-ac", "1", "-i", "pipe:0", "-c:a", "libopus", "-b:a", "48k", "-frame_duration", "20",
		"-page_duration", "20000", "-flush_packets", "1", "-f", "ogg", "pipe:1")
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("mix: %w", err)
	}
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		defer in.Close()
		x.feed(ctx, in)
	}()
	err = x.deliver(ctx, out)
	<-fed
	if werr := cmd.Wait(); err == nil && ctx.Err() == nil {
		err = werr
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the meeting is over
	}
	return err
}

// feed gives the encoder what there is of each packet when its time comes.
func (x *mixer) feed(ctx context.Context, in io.Writer) {
	for n := int64(0); ; n++ {
		if !pass(ctx, x.time(n).Add(packetTime-mixLead+mixWait).Sub(x.m.clock.Now())) {
			return
		}
		x.mu.Lock()
		pcm := x.slot(n).pcm
		x.next = n + 1
		x.mu.Unlock()
		var raw [2 * media.PacketSamples]byte
		for i, v := range pcm {
			binary.LittleEndian.PutUint16(raw[2*i:], uint16(int16(max(-1, min(1, v))*32767)))
		}
		if _, err := in.Write(raw[:]); err != nil {
			return
		}
	}
}

// deliver sends the packets that the encoder makes, each at its time.
func (x *mixer) deliver(ctx context.Context, out io.Reader) error {
	pages, _, err := oggreader.NewWith(out)
	if err == nil {
		_, _, err = pages.ParseNextPage() // the comments
	}
	base, seq := rand.Uint32(), uint16(rand.Uint32())
	for n := int64(0); err == nil; n++ {
		var payload []byte
		if payload, _, err = pages.ParseNextPage(); err != nil {
			break
		}
		at := x.time(n)
		if !pass(ctx, at.Sub(x.m.clock.Now())) {
			return nil
		}
		x.m.truth.late(x.m.clock.Now().Sub(at))
		now := moment{at, base + uint32(n*media.PacketSamples)}
		pkt := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq + uint16(n), Timestamp: now.rtp}, Payload: payload}
		_ = pkt.SetExtension(levelID, []byte{x.take(n)})
		x.out.write([]*rtp.Packet{pkt}, now, true)
		if n%50 == 0 {
			x.out.report(now)
		}
	}
	return fmt.Errorf("mix: %w", err)
}

// take forgets a packet's slot, says who speaks in it and returns its level, as
// RFC 6464 has it.
func (x *mixer) take(n int64) byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.slot(n)
	delete(x.slots, n)
	for p, voice := range s.speaks {
		p.speaking.Store(voice)
	}
	sum := 0.0
	for _, v := range s.pcm {
		sum += float64(v) * float64(v)
	}
	level := byte(min(127, max(0, -10*math.Log10(sum/media.PacketSamples+1e-13))))
	if level < voiceLevel {
		level |= 0x80
	}
	return level
}

func (x *mixer) time(n int64) time.Time { return x.m.origin.Add(time.Duration(n) * packetTime) }

// pass waits for so long, or tells that ctx ended.
func pass(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
