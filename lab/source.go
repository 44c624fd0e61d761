package lab

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// source is a track that a scripted participant publishes. Packets are made
// once and written to every subscriber.
type source struct {
	id     string // of the track
	stream string
	person string
	codec  webrtc.RTPCodecCapability
	subs   atomic.Pointer[[]*subscriber]
	// reported is when a shared track sent its last report; its slot's lock
	// guards it.
	reported time.Time
	mu       sync.Mutex // guards changes of subs
}

func (s *source) subscribers() []*subscriber {
	if p := s.subs.Load(); p != nil {
		return *p
	}
	return nil
}

func (s *source) add(sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := append(append([]*subscriber(nil), s.subscribers()...), sub)
	s.subs.Store(&list)
}

func (s *source) drop(sub *subscriber) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*subscriber
	for _, o := range s.subscribers() {
		if o != sub {
			list = append(list, o)
		}
	}
	s.subs.Store(&list)
}

// moment ties an instant of the schedule to an RTP timestamp.
type moment struct {
	at  time.Time
	rtp uint32
}

// write sends the packets of one frame to everybody. key tells that a
// subscriber may begin with it.
func (s *source) write(pkts []*rtp.Packet, m moment, key bool) {
	for _, sub := range s.subscribers() {
		sub.write(pkts, m, key)
	}
}

// report sends a sender report: it tells exactly which wall-clock time an RTP
// timestamp has, whatever the delay of the packets.
func (s *source) report(m moment) {
	for _, sub := range s.subscribers() {
		if sub.live.Load() && sub.packets.Load() > 0 {
			sub.report(m)
		}
	}
}

// subscriber is a track on its way to one guest.
type subscriber struct {
	src    *source
	pc     *webrtc.PeerConnection
	track  *webrtc.TrackLocalStaticRTP
	tr     *webrtc.RTPTransceiver
	ssrc   uint32
	live   atomic.Bool // the guest takes it and the connection stands
	names  *names      // of the people, as contributing sources
	net    *impairment // nil: a good network
	begun  bool        // only touched by the publisher
	frames *atomic.Int64

	packets, octets atomic.Uint32
}

func (s *subscriber) write(pkts []*rtp.Packet, m moment, key bool) {
	if !s.live.Load() {
		s.begun = false
		return
	}
	if !s.begun {
		if !key {
			return
		}
		s.begun = true
		s.report(m)
	}
	for _, p := range pkts {
		if len(p.CSRC) > 0 { // the packet is everybody's, what it is called is not
			mine := *p
			mine.CSRC = s.names.csrc(p.CSRC[0])
			p = &mine
		}
		s.packets.Add(1)
		s.octets.Add(uint32(len(p.Payload)))
		if s.net != nil {
			s.net.send(s.track, p)
			continue
		}
		_ = s.track.WriteRTP(p) // a guest that is gone is noticed elsewhere
	}
	s.frames.Add(1)
}

func (s *subscriber) report(m moment) {
	_ = s.pc.WriteRTCP([]rtcp.Packet{&rtcp.SenderReport{
		SSRC: s.ssrc, NTPTime: ntp(m.at), RTPTime: m.rtp,
		PacketCount: s.packets.Load(), OctetCount: s.octets.Load(),
	}})
}

// ntp converts to the 64-bit format of RFC 3550 section 4.
func ntp(t time.Time) uint64 {
	const toUnix = 2208988800 // seconds from 1900 to 1970
	ns := uint64(t.UnixNano())
	return (ns/1e9+toUnix)<<32 | (ns%1e9)<<32/1e9
}

// impairment drops and delays packets.
type impairment struct {
	loss   float64
	jitter time.Duration
	mu     sync.Mutex
	rng    *rand.Rand
	late   *sync.WaitGroup // packets under way
}

// newImpairment is what becomes of a stream's packets: with the same seed the same, in
// each run, of each stream something else.
func newImpairment(n Net, late *sync.WaitGroup, salt uint32) *impairment {
	if n.Loss <= 0 && n.Jitter <= 0 {
		return nil
	}
	return &impairment{loss: n.Loss, jitter: time.Duration(n.Jitter), rng: rand.New(rand.NewPCG(n.Seed, uint64(salt))), late: late}
}

func (i *impairment) send(track *webrtc.TrackLocalStaticRTP, p *rtp.Packet) {
	i.mu.Lock()
	lost := i.rng.Float64() < i.loss
	delay := time.Duration(i.rng.Float64() * float64(i.jitter))
	i.mu.Unlock()
	switch {
	case lost:
	case delay <= 0:
		_ = track.WriteRTP(p)
	default:
		i.late.Add(1)
		time.AfterFunc(delay, func() {
			defer i.late.Done()
			_ = track.WriteRTP(p)
		})
	}
}
