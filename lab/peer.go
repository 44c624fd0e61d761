package lab

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"
)

// peer is the connection for media to one guest. The lab always offers; the
// page answers. One goroutine (run) owns the negotiation.
type peer struct {
	g       *guest
	ctx     context.Context
	cancel  context.CancelFunc
	pc      *webrtc.PeerConnection
	dc      *webrtc.DataChannel
	dirty   chan struct{}
	answers chan string

	subs      map[*source]*subscriber // only run
	refused   map[*source]bool        // only run
	mic, cam  *webrtc.RTPTransceiver  // only run; nil: the guest has not switched it on yet
	speaks    atomic.Bool
	shows     atomic.Bool
	connected atomic.Bool
	changed   chan struct{} // the connection came up

	names *names

	mu     sync.Mutex
	roster []byte // what the data channel should say
	people []rosterEntry
	open   bool
}

// startPeer begins to connect; Meeting.mu is held.
func (g *guest) startPeer() {
	p := &peer{g: g, dirty: make(chan struct{}, 1), answers: make(chan string, 1), changed: make(chan struct{}, 1),
		subs: map[*source]*subscriber{}, refused: map[*source]bool{}, names: newNames()}
	p.ctx, p.cancel = context.WithCancel(g.ctx)
	g.peer = p
	p.announce(g.lastRoster)
	p.poke()
	g.m.run(func() {
		defer p.cancel()
		if err := p.run(); err != nil && p.ctx.Err() == nil {
			g.m.log.Warn("media connection failed", "guest", g.id, "error", err)
			g.m.leave(g, "gone")
		}
	})
}

// poke asks for a look at which tracks the guest should have.
func (p *peer) poke() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

func (p *peer) answer(sdp string) {
	select {
	case p.answers <- sdp:
	case <-p.ctx.Done():
	}
}

func (p *peer) run() error {
	if err := p.connect(); err != nil {
		return err
	}
	defer p.close()
	first := true
	for {
		select {
		case <-p.ctx.Done():
			return nil
		case <-p.changed:
			p.refresh()
			continue
		case <-p.dirty:
		}
		changed, err := p.adjust()
		if err != nil {
			return err
		}
		if !changed && !first {
			continue
		}
		first = false
		if err := p.negotiate(); err != nil {
			return err
		}
	}
}

func (p *peer) connect() error {
	pc, err := p.g.m.server.api.NewPeerConnection(webrtc.Configuration{Certificates: p.g.m.server.certs})
	if err != nil {
		return fmt.Errorf("new peer connection: %w", err)
	}
	p.pc = pc
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		switch s {
		case webrtc.PeerConnectionStateConnected:
			p.connected.Store(true)
			select {
			case p.changed <- struct{}{}:
			default:
			}
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			p.cancel()
			p.g.m.mu.Lock()
			defer p.g.m.mu.Unlock()
			if !p.g.m.shut { // else nobody waits for this any more
				p.g.m.run(func() { p.g.m.leave(p.g, "gone") })
			}
		}
	})
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { p.g.listen(pc, t) })
	if p.dc, err = pc.CreateDataChannel("collections", nil); err != nil {
		return fmt.Errorf("create data channel: %w", err)
	}
	p.dc.OnOpen(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.open = true
		if p.roster != nil {
			_ = p.dc.Send(p.roster)
		}
	})
	return nil
}

func (p *peer) close() {
	for src, sub := range p.subs {
		sub.live.Store(false)
		src.drop(sub)
	}
	_ = p.pc.GracefulClose()
}

// announce sends who is in over the data channel, now or when it opens.
func (p *peer) announce(people []rosterEntry) {
	var here []uint32
	for _, one := range people {
		here = append(here, one.number)
	}
	p.names.update(here)
	if p.g.m.scenario.NoCollections {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var gone []rosterEntry
	for _, one := range p.people {
		if !slices.Contains(here, one.number) {
			gone = append(gone, one)
		}
	}
	p.people, p.roster = people, collections(people, gone, p.names)
	if p.open {
		_ = p.dc.Send(p.roster)
	}
}

// adjust adds and takes away tracks. Media sections are never used again for
// another track, so that a track is one person for its whole life.
func (p *peer) adjust() (changed bool, err error) {
	p.g.m.mu.Lock()
	want := p.g.m.sources()
	p.g.m.mu.Unlock()
	wanted := map[*source]bool{}
	only := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
	if p.speaks.Load() && p.mic == nil {
		if p.mic, err = p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, only); err != nil {
			return false, fmt.Errorf("add microphone: %w", err)
		}
		changed = true
	}
	if p.shows.Load() && p.cam == nil {
		if p.cam, err = p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, only); err != nil {
			return false, fmt.Errorf("add camera: %w", err)
		}
		changed = true
	}
	for _, src := range want {
		wanted[src] = true
		if p.subs[src] == nil {
			if err := p.subscribe(src); err != nil {
				return false, err
			}
			changed = true
		}
	}
	for src, sub := range p.subs {
		if !wanted[src] {
			sub.live.Store(false)
			src.drop(sub)
			delete(p.subs, src)
			if err := p.pc.RemoveTrack(sub.tr.Sender()); err != nil {
				return false, fmt.Errorf("remove track: %w", err)
			}
			changed = true
		}
	}
	return changed, nil
}

func (p *peer) subscribe(src *source) error {
	track, err := webrtc.NewTrackLocalStaticRTP(src.codec, src.id, src.stream)
	if err != nil {
		return fmt.Errorf("new track: %w", err)
	}
	tr, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return fmt.Errorf("add track: %w", err)
	}
	sub := &subscriber{src: src, pc: p.pc, track: track, tr: tr, names: p.names, frames: &p.g.audio}
	if src.codec.MimeType == webrtc.MimeTypeVP8 {
		sub.frames = &p.g.video
	}
	sub.ssrc = uint32(tr.Sender().GetParameters().Encodings[0].SSRC)
	sub.net = newImpairment(p.g.m.scenario.Net, &p.g.m.late, crc32.ChecksumIEEE([]byte(src.id)))
	p.subs[src] = sub
	src.add(sub)
	// Reports of the guest must be read, or retransmission does not work.
	p.g.m.run(func() {
		buf := make([]byte, 1500)
		for {
			if _, _, err := tr.Sender().Read(buf); err != nil {
				return
			}
		}
	})
	return nil
}

// negotiate makes one round of offer and answer.
func (p *peer) negotiate() error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return fmt.Errorf("create offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return fmt.Errorf("set offer: %w", err)
	}
	select {
	case <-gathered:
	case <-p.ctx.Done():
		return nil
	}
	msg := toPage{Type: "offer", SDP: p.pc.LocalDescription().SDP, Tracks: p.owners()}
	if p.mic != nil {
		msg.Mic = p.mic.Mid()
	}
	if p.cam != nil {
		msg.Cam = p.cam.Mid()
	}
	p.g.send(msg)
	var sdp string
	select {
	case sdp = <-p.answers:
	case <-p.ctx.Done():
		return nil
	}
	answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}
	if err := p.pc.SetRemoteDescription(answer); err != nil {
		return fmt.Errorf("set answer: %w", err)
	}
	p.takeRefusals(answer)
	p.refresh()
	return nil
}

func (p *peer) owners() []trackOwner {
	var list []trackOwner
	for src, sub := range p.subs {
		person := src.person
		if board := p.g.m.board; board != nil {
			if holder := board.holder(src); holder != nil {
				person = holder.id
			}
		}
		list = append(list, trackOwner{MID: sub.tr.Mid(), Kind: sub.tr.Kind().String(), Person: person, Track: src.id})
	}
	return list
}

// takeRefusals notes which media sections the guest does not want.
func (p *peer) takeRefusals(answer webrtc.SessionDescription) {
	parsed, err := answer.Unmarshal()
	if err != nil {
		return // SetRemoteDescription has read it
	}
	takes := map[string]bool{}
	for _, md := range parsed.MediaDescriptions {
		mid, _ := md.Attribute("mid")
		_, recv := md.Attribute("recvonly")
		takes[mid] = recv && md.MediaName.Port.Value != 0
	}
	for src, sub := range p.subs {
		p.refused[src] = !takes[sub.tr.Mid()]
	}
}

// refresh switches the subscribers on or off.
func (p *peer) refresh() {
	video := false
	for src, sub := range p.subs {
		on := p.connected.Load() && !p.refused[src] && sub.tr.Mid() != ""
		sub.live.Store(on)
		video = video || on && sub.frames == &p.g.video
	}
	p.g.takesVideo.Store(video)
	if p.connected.Load() && p.g.flowing.CompareAndSwap(false, true) {
		p.g.m.flowing(p.g)
	}
}

// flowing notes that media flow to a guest; with the first the script begins.
func (m *Meeting) flowing(g *guest) {
	m.mu.Lock()
	if g.state != guestIn {
		m.mu.Unlock()
		return
	}
	g.flow = m.clock.Now()
	m.mu.Unlock()
	m.begin()
	m.change()
}
