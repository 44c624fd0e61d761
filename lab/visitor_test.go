package lab

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
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
	v := &visitor{t: t, conn: conn, pc: pc, noVideo: noVideo, packets: map[string][]received{}, owners: map[string]trackOwner{},
		roster: make(chan []rosterEntry, 100), out: make(chan string, 1), lobby: make(chan struct{}, 1), finished: make(chan struct{})}
	pc.OnTrack(v.onTrack)
	pc.OnDataChannel(func(dc *webrtc.DataChannel) {
		dc.OnMessage(func(msg webrtc.DataChannelMessage) {
			var body struct{ People []rosterEntry }
			if json.Unmarshal(msg.Data, &body) == nil {
				v.roster <- body.People
			}
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
