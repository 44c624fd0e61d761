package lab

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/rtp"

	"steno/lab/media"
)

// mixer is one track for everybody's audio, as a server sends it that mixes:
// nobody can tell from the track who speaks. It does not mix for real: the
// packets of the one who has the floor go out, and the floor is taken by who
// speaks when the holder is silent. Whose they are is in no header either; the
// page shows it.
type mixer struct {
	out *source

	mu     sync.Mutex
	base   uint32
	seq    uint16
	zero   time.Time
	last   int64 // the newest slot that was sent
	holder *person
}

func newMixer() *mixer {
	return &mixer{out: &source{id: "a-mix", stream: "s-mix", codec: opusCodec}, base: rand.Uint32(), seq: uint16(rand.Uint32()), last: -1}
}

// send takes a packet of a person at its place in the schedule.
func (x *mixer) send(p *person, pkt *rtp.Packet, now moment, voice bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.zero.IsZero() {
		x.zero = now.at
	}
	free := x.holder == nil || !x.holder.here.Load() || !x.holder.speaking.Load()
	if x.holder != p && (x.holder == nil || !x.holder.here.Load() || voice && free) {
		x.holder = p
	}
	slot := int64(now.at.Sub(x.zero) / packetTime)
	if x.holder != p || slot <= x.last {
		return
	}
	x.last = slot
	now.rtp = x.base + uint32(slot*media.PacketSamples)
	pkt.SequenceNumber, pkt.Timestamp = x.seq, now.rtp
	x.seq++
	x.out.write([]*rtp.Packet{pkt}, now, true)
	if slot%50 == 0 {
		x.out.report(now)
	}
}
