package lab

import (
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"steno/lab/media"
)

// Heard is an Opus packet of what a guest says, as the others get it.
type Heard struct {
	At      time.Time // when it arrived
	RTP     uint32
	Payload []byte
}

// voice is what is known of a guest's microphone.
type voice struct {
	mu    sync.Mutex
	on    bool
	heard []Heard
}

// maxHeard bounds what is kept of a guest: ten minutes.
const maxHeard = 10 * 60 * 50

// switchMic is the page's word that its microphone is on or off.
func (g *guest) switchMic(on bool) {
	g.voice.mu.Lock()
	g.voice.on = on
	g.voice.mu.Unlock()
	if on {
		g.offers(func(p *peer) { p.speaks.Store(true) })
	}
}

// offers has the guest's connection, if there is one, take what the guest gives
// from now on.
func (g *guest) offers(note func(*peer)) {
	g.m.mu.Lock()
	p := g.peer
	g.m.mu.Unlock()
	if p != nil {
		note(p)
		p.poke()
	}
}

// listen takes the packets of a guest until they end.
func (g *guest) listen(pc *webrtc.PeerConnection, t *webrtc.TrackRemote) {
	if t.Kind() == webrtc.RTPCodecTypeVideo {
		g.watch(pc, t)
		return
	}
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		g.hear(p.Timestamp, p.Payload)
	}
}

// hear takes an Opus packet of a guest.
func (g *guest) hear(rtp uint32, payload []byte) {
	g.voice.mu.Lock()
	defer g.voice.mu.Unlock()
	if len(g.voice.heard) < maxHeard {
		g.voice.heard = append(g.voice.heard, Heard{g.m.clock.Now(), rtp, payload})
	}
}

// take takes what a page sends that encodes by itself: a byte that says what (1
// voice, 2 picture), the time in microseconds (float64, little-endian), then an
// Opus packet or a VP8 key frame.
func (g *guest) take(data []byte) {
	if len(data) < 10 {
		return
	}
	us, payload := math.Float64frombits(binary.LittleEndian.Uint64(data[1:])), data[9:]
	if data[0] == 1 {
		g.hear(uint32(int64(us*media.SampleRate/1e6)), payload)
	} else {
		g.face.set(payload)
	}
}

// Voice returns what a guest has said, and whether its microphone is on.
func (m *Meeting) Voice(name string) (heard []Heard, on bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.guests {
		if g.name == name {
			g.voice.mu.Lock()
			heard, on = append(heard, g.voice.heard...), g.voice.on
			g.voice.mu.Unlock()
		}
	}
	return heard, on
}
