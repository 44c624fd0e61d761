package lab

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"steno/lab/footage"
	"steno/lab/media"
)

const (
	mtu         = 1200
	levelID     = 1 // header extension of the audio level, see newAPI
	dtxInterval = 20
	voiceLevel  = 60 // -dBov; louder counts as voice
	// announceLead is longer than a page needs to fetch and decode a clip.
	announceLead = 400 * time.Millisecond
)

// person is a scripted participant. Its publisher goroutine sends one packet
// of audio every 20 ms and one frame of video every 1/30 s, at times counted
// from the meeting's origin, so that nothing drifts.
type person struct {
	Participant
	id     string
	number uint32 // the same, as a number
	m      *Meeting
	cues   []cue
	audio  *source // nil: no microphone
	video  *source // nil: no camera
	film   []frame
	small  []frame // the same in low quality; nil: there is only one

	speaking atomic.Bool
	here     atomic.Bool
	hushed   atomic.Bool // nobody gets this audio

	mu    sync.Mutex
	extra []*media.Clip // to be said as soon as possible
}

// frame is a video frame, as it is and cut into packet payloads once.
type frame struct {
	data     []byte
	payloads [][]byte
	key      bool
}

func packetise(loop *footage.Loop) []frame {
	film := make([]frame, len(loop.Frames))
	for i, data := range loop.Frames {
		film[i] = frame{data, (&codecs.VP8Payloader{}).Payload(mtu, data), loop.Key[i]}
	}
	return film
}

var (
	opusCodec = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}
	vp8Codec  = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}}
)

// publish runs until ctx ends.
func (p *person) publish(ctx context.Context) {
	lead := p.m.lead()
	start := p.m.slot(p.m.clock.Now().Add(lead), packetTime)
	a := &microphone{p: p, start: start, base: rand.Uint32(), seq: uint16(rand.Uint32())}
	v := &camera{p: p, base: rand.Uint32(), seq: uint16(rand.Uint32())}
	if p.video != nil {
		v.start = start
		v.run = p.m.truth.filming(p, start)
	}
	defer func() {
		a.stop()
		p.m.truth.filmed(v.run, v.next())
		if board := p.m.board; board != nil {
			board.gone(p)
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := a.next().Add(-lead)
		if p.video != nil && v.next().Before(next) {
			next = v.next()
		}
		if board := p.m.board; board != nil {
			board.expect(p, next)
		}
		timer.Reset(next.Sub(p.m.clock.Now()))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if board := p.m.board; board != nil {
			board.turn(next)
		}
		p.m.truth.late(p.m.clock.Now().Sub(next))
		if !a.next().Add(-lead).After(next) {
			a.tick()
		}
		if p.video != nil && !v.next().After(next) {
			v.tick()
		}
	}
}

// microphone is the audio side of a publisher.
type microphone struct {
	p     *person
	start time.Time
	base  uint32
	seq   uint16
	n     int64 // packets of the schedule so far
	quiet int   // silent packets in a row

	cue   int // next of the script
	round int
	told  time.Time   // the time of the last cue that pages were told of
	clip  *media.Clip // being said
	at    int         // next packet of clip
	said  *Utterance
}

func (a *microphone) next() time.Time { return a.start.Add(time.Duration(a.n) * packetTime) }

func (a *microphone) tick() {
	now := moment{a.next(), a.base + uint32(a.n*media.PacketSamples)}
	a.n++
	if a.clip == nil {
		a.begin(now.at)
	}
	a.announce(now.at)
	payload, level, voice := media.Silence, byte(127), false
	talking := a.clip != nil
	if talking {
		payload, level = a.clip.Packets[a.at], a.clip.Level[a.at]
		voice = level < voiceLevel
		a.at++
	}
	resumed := talking && a.quiet > 0
	if a.quiet++; talking {
		a.quiet = 0
	}
	a.send(payload, level, resumed, now)
	if talking && a.at == len(a.clip.Packets) {
		a.stop()
	}
	if a.p.m.mix == nil { // else it is not to be heard yet
		a.p.speaking.Store(voice)
	}
	if voice && a.p.video != nil {
		a.p.m.spoke.Store(a.p)
	}
	if a.n%50 == 0 && a.p.audio != nil && a.p.m.ownAudio() {
		a.p.audio.report(now)
	}
}

func (a *microphone) send(payload []byte, level byte, resumed bool, now moment) {
	if a.p.audio == nil || a.p.hushed.Load() || a.p.DTX && a.p.m.mix == nil && a.quiet > 0 && a.quiet%dtxInterval != 1 {
		return
	}
	pkt := &rtp.Packet{Header: rtp.Header{
		Version: 2, Marker: resumed, SequenceNumber: a.seq, Timestamp: now.rtp,
	}, Payload: payload}
	if level < voiceLevel {
		level |= 0x80 // RFC 6464: voice activity
	}
	_ = pkt.SetExtension(levelID, []byte{level})
	a.seq++
	if mix := a.p.m.mix; mix != nil {
		mix.send(a.p, payload, now, level&0x80 != 0)
		return
	}
	if board := a.p.m.board; board != nil {
		board.speak(a.p, pkt, now, level&0x80 != 0)
		return
	}
	a.p.audio.write([]*rtp.Packet{pkt}, now, true)
}

// coming is the next cue of the script and its time, zero for none.
func (a *microphone) coming() (c cue, due time.Time) {
	zero, length := a.p.m.script()
	if zero.IsZero() || a.cue >= len(a.p.cues) {
		return c, due
	}
	c = a.p.cues[a.cue]
	return c, zero.Add(c.at + time.Duration(a.round)*length)
}

// announce tells pages that play by themselves of a cue some time before it is due,
// so that they can play it in time.
func (a *microphone) announce(now time.Time) {
	c, due := a.coming()
	if due.After(a.told) && due.Sub(now) <= announceLead {
		a.told = due
		a.tell(c.clip, due)
	}
}

func (a *microphone) tell(clip *media.Clip, at time.Time) {
	if a.p.audio != nil && a.p.m.scenario.Platform == Zoom && !a.p.hushed.Load() {
		a.p.m.say(toPage{Type: "say", Clip: clip.Name, AtMS: at.UnixMilli()})
	}
}

// begin starts the next utterance if its time has come.
func (a *microphone) begin(now time.Time) {
	clip := a.p.asked()
	if clip != nil {
		a.tell(clip, now)
	} else {
		c, due := a.coming()
		if due.IsZero() || now.Before(due) {
			return
		}
		if a.cue++; a.cue == len(a.p.cues) && a.p.m.scenario.Repeat {
			a.cue, a.round = 0, a.round+1
		}
		clip = c.clip
	}
	a.clip, a.at = clip, 0
	if a.p.audio != nil {
		a.said = a.p.m.truth.says(a.p, clip, now)
		if clip.Text != "" && !a.p.m.scenario.NoCaptions {
			c := captioned{a.p, a.said, clip, now}
			a.p.m.run(func() { a.p.m.captions(c) })
		}
	}
}

// stop ends the utterance, at its end or before.
func (a *microphone) stop() {
	if a.clip != nil && a.said != nil {
		a.p.m.truth.said(a.said, a.next())
	}
	if a.clip != nil && a.cue == len(a.p.cues) {
		a.p.m.finished(a.p)
	}
	a.clip, a.said = nil, nil
}

// camera is the video side of a publisher.
type camera struct {
	p     *person
	start time.Time
	base  uint32
	seq   uint16
	n     int64
	small bool // the layer that is sent
	run   *VideoRun
}

func (v *camera) next() time.Time {
	return v.start.Add(time.Duration(v.n * int64(time.Second) / footage.FPS))
}

func (v *camera) tick() {
	now := moment{v.next(), v.base + uint32(v.n*90000/footage.FPS)}
	f := v.frame()
	if v.p.m.scenario.Platform == Zoom {
		v.n++
		v.p.m.draw(v.p, f)
		return
	}
	pkts := make([]*rtp.Packet, len(f.payloads))
	for i, payload := range f.payloads {
		pkts[i] = &rtp.Packet{Header: rtp.Header{
			Version: 2, Marker: i == len(f.payloads)-1, SequenceNumber: v.seq, Timestamp: now.rtp,
		}, Payload: payload}
		v.seq++
	}
	v.n++
	if board := v.p.m.board; board != nil {
		board.show(v.p, pkts, now, f.key)
		return
	}
	v.p.video.write(pkts, now, f.key)
	if v.n%footage.FPS == 0 {
		v.p.video.report(now)
	}
}

// frame is the next one of the layer that is sent. Layers change at keyframes.
func (v *camera) frame() frame {
	at := v.n % int64(len(v.p.film))
	if every := time.Duration(v.p.m.scenario.Layers); v.p.small != nil && v.p.film[at].key && v.p.small[at].key {
		v.small = v.next().Sub(v.start)/every%2 == 1
	}
	if v.small {
		return v.p.small[at]
	}
	return v.p.film[at]
}

// asked returns a clip that Say put in line.
func (p *person) asked() *media.Clip {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.extra) == 0 {
		return nil
	}
	clip := p.extra[0]
	p.extra = p.extra[1:]
	return clip
}
