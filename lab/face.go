package lab

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/samplebuilder"
	"golang.org/x/image/vp8"
)

// face is what is known of a guest's camera.
type face struct {
	mu    sync.Mutex
	on    bool
	key   []byte // the latest VP8 key frame
	keys  int    // so far
	bytes int64  // of all frames
	ask   func() // asks for a key frame; nil: they come by themselves
}

func (f *face) set(key []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.key = key
	f.keys++
	f.bytes += int64(len(key))
}

// switchCam is the page's word that its camera is on or off.
func (g *guest) switchCam(on bool) {
	g.face.mu.Lock()
	g.face.on = on
	g.face.mu.Unlock()
	if on {
		g.offers(func(p *peer) { p.shows.Store(true) })
	}
}

// watch takes the frames of a guest's camera until they end.
func (g *guest) watch(pc *webrtc.PeerConnection, t *webrtc.TrackRemote) {
	g.face.mu.Lock()
	g.face.ask = func() {
		_ = pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	}
	g.face.mu.Unlock()
	frames := samplebuilder.New(64, &codecs.VP8Packet{}, t.Codec().ClockRate)
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		frames.Push(p)
		for s := frames.Pop(); s != nil; s = frames.Pop() {
			if len(s.Data) > 0 && s.Data[0]&1 == 0 { // RFC 6386, 9.1
				g.face.set(s.Data)
				continue
			}
			g.face.mu.Lock()
			g.face.bytes += int64(len(s.Data))
			g.face.mu.Unlock()
		}
	}
}

// Face waits for the next whole picture of a guest's camera and returns it, with
// the bytes that came so far.
func (m *Meeting) Face(ctx context.Context, name string) (image.Image, int64, error) {
	f := m.faceOf(name)
	if f == nil {
		return nil, 0, fmt.Errorf("see %s: %w", name, errNobody)
	}
	f.mu.Lock()
	before := f.keys
	f.mu.Unlock()
	for {
		f.mu.Lock()
		ask, keys, key, n := f.ask, f.keys, f.key, f.bytes
		f.mu.Unlock()
		if keys > before {
			img, err := decodeKey(key)
			return img, n, err
		}
		if ask != nil {
			ask()
		}
		select {
		case <-ctx.Done():
			return nil, n, fmt.Errorf("see %s: %w", name, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Shows tells whether a guest's page says that its camera is on.
func (m *Meeting) Shows(name string) bool {
	f := m.faceOf(name)
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.on
}

// faceOf returns that of the last guest of a name, nil if there is none.
func (m *Meeting) faceOf(name string) (f *face) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.guests {
		if g.name == name {
			f = &g.face
		}
	}
	return f
}

func decodeKey(frame []byte) (image.Image, error) {
	d := vp8.NewDecoder()
	d.Init(bytes.NewReader(frame), len(frame))
	if _, err := d.DecodeFrameHeader(); err != nil {
		return nil, fmt.Errorf("decode picture: %w", err)
	}
	img, err := d.DecodeFrame()
	if err != nil {
		return nil, fmt.Errorf("decode picture: %w", err)
	}
	return img, nil
}
