package lab

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// visitor is a guest that speaks the page's signalling from Go.
type visitor struct {
	t        *testing.T
	conn     *websocket.Conn
	pc       *webrtc.PeerConnection
	noVideo  bool
	mu       sync.Mutex
	packets  map[string][]received // by track id
	roster   chan []rosterEntry
	sources  map[uint32]string // contributing source → person
	out      chan string
	lobby    chan struct{}
	owners   map[string]trackOwner
	finished chan struct{}
}

type received struct {
	rtp.Packet
	at time.Time
}

func visit(t *testing.T, m *Meeting, name string, noVideo bool) *visitor {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	conn, _, err := websocket.Dial(ctx, strings.Replace(m.URL(), "http", "ws", 1)+"/signal", nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	var setting webrtc.SettingEngine
	setting.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{t: t, conn: conn, pc: pc, noVideo: noVideo, packets: map[string][]received{}, owners: map[string]trackOwner{}, sources: map[uint32]string{},
		roster: make(chan []rosterEntry, 100), out: make(chan string, 1), lobby: make(chan struct{}, 1), finished: make(chan struct{})}
	pc.OnTrack(v.onTrack)
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(msg webrtc.DataChannelMessage) {
			people, sources := readCollections(t, msg.Data)
			v.mu.Lock()
			maps.Copy(v.sources, sources)
			v.mu.Unlock()
			v.roster <- people
		})
	})
	go v.loop(ctx, name)
	t.Cleanup(func() {
		cancel()
		conn.CloseNow()
		<-v.finished
		pc.GracefulClose()
	})
	return v
}

func (v *visitor) onTrack(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
	for {
		p, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		v.mu.Lock()
		v.packets[track.ID()] = append(v.packets[track.ID()], received{*p, time.Now()})
		v.mu.Unlock()
	}
}

func (v *visitor) loop(ctx context.Context, name string) {
	defer close(v.finished)
	for {
		_, data, err := v.conn.Read(ctx)
		if err != nil {
			return
		}
		var msg toPage
		if err := json.Unmarshal(data, &msg); err != nil {
			v.t.Error(err)
			return
		}
		switch msg.Type {
		case "hello":
			v.say(ctx, fromPage{Type: "knock", Name: name})
		case "lobby":
			v.lobby <- struct{}{}
		case "out":
			v.out <- msg.Why
		case "offer":
			v.onOffer(ctx, msg)
		}
	}
}

func (v *visitor) onOffer(ctx context.Context, msg toPage) {
	v.mu.Lock()
	for _, t := range msg.Tracks {
		v.owners[t.Track] = t
	}
	v.mu.Unlock()
	if err := v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: msg.SDP}); err != nil {
		v.t.Error(err)
	}
	answer, err := v.pc.CreateAnswer(nil)
	if err != nil {
		v.t.Error(err)
	}
	done := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(answer); err != nil {
		v.t.Error(err)
	}
	<-done
	sdp := v.pc.LocalDescription().SDP
	if v.noVideo {
		sdp = refuseVideo(sdp)
	}
	v.say(ctx, fromPage{Type: "answer", SDP: sdp})
}

// refuseVideo does what an audio-only bot does to its answer.
func refuseVideo(sdp string) string {
	parts := strings.Split(sdp, "m=")
	for i, p := range parts {
		if strings.HasPrefix(p, "video") {
			parts[i] = strings.Replace(p, "a=recvonly", "a=inactive", 1)
		}
	}
	return strings.Join(parts, "m=")
}

func (v *visitor) say(ctx context.Context, msg fromPage) {
	data, _ := json.Marshal(msg)
	if err := v.conn.Write(ctx, websocket.MessageText, data); err != nil && ctx.Err() == nil {
		v.t.Error(err)
	}
}

func (v *visitor) got(kind, person string) []received {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, o := range v.owners {
		if o.Kind == kind && o.Person == person {
			return append([]received(nil), v.packets[id]...)
		}
	}
	return nil
}

func startLab(t *testing.T, sc Scenario) (*Meeting, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	s, err := Start(ctx, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	m, err := s.Open(ctx, sc)
	if err != nil {
		t.Fatal(err)
	}
	return m, ctx
}

// readCollections reads the people who are in, and whose the contributing
// sources are.
func readCollections(t *testing.T, data []byte) (people []rosterEntry, sources map[uint32]string) {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Error(err)
		return nil, nil
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	sources = map[uint32]string{}
	for _, list := range fields(t, raw)[1] {
		for _, one := range fields(t, list)[2] {
			f := fields(t, one)
			csrc, _ := protowire.ConsumeVarint(f[4][0])
			sources[uint32(csrc)] = string(f[6][0])
		}
		for _, one := range fields(t, list)[1] {
			f := fields(t, one)
			if status, _ := protowire.ConsumeVarint(f[fieldStatus][0]); status == statusIn {
				people = append(people, rosterEntry{ID: string(f[fieldDeviceID][0]), Name: string(f[fieldFullName][0])})
			}
		}
	}
	return people, sources
}

// fields are the values of a message; those of numbers are as they came.
func fields(t *testing.T, b []byte) map[protowire.Number][][]byte {
	t.Helper()
	m := map[protowire.Number][][]byte{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		b = b[n:]
		size := protowire.ConsumeFieldValue(num, kind, b)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		v := b[:size]
		if kind == protowire.BytesType {
			v, _ = protowire.ConsumeBytes(v)
		}
		m[num], b = append(m[num], v), b[size:]
	}
	return m
}
