package lab

import (
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
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
	g.m.mu.Lock()
	p := g.peer
	g.m.mu.Unlock()
	if p != nil && on {
		p.speaks.Store(true)
		p.poke()
	}
}

// listen takes the packets of a guest until they end.
func (g *guest) listen(t *webrtc.TrackRemote) {
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		g.voice.mu.Lock()
		if len(g.voice.heard) < maxHeard {
			g.voice.heard = append(g.voice.heard, Heard{g.m.clock.Now(), p.Timestamp, p.Payload})
		}
		g.voice.mu.Unlock()
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
