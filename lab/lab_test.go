package lab

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"steno/lab/media"
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

func twoTalk() Scenario {
	return Scenario{
		Code:   "abc-defg-hij",
		People: []Participant{{Name: "Ada"}, {Name: "Ben", DTX: true}},
		Turns: []Turn{
			{Who: "Ada", Clip: "beep", Pause: Duration(200 * time.Millisecond)},
			{Who: "Ben", Clip: "ben-3", Pause: Duration(100 * time.Millisecond)},
			{Who: "Ada", Clip: "ada-3", Pause: Duration(-300 * time.Millisecond)},
		},
	}
}

// What a guest receives must be what the Truth says, to the microsecond of the
// schedule: RTP timestamps and payloads of each utterance.
func TestMediaFlowAndTruthIsExact(t *testing.T) {
	m, ctx := startLab(t, twoTalk())
	v := visit(t, m, "Bot", false)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	truth := m.Truth()
	if len(truth.Said) != 3 || len(truth.People) != 2 || truth.BeginUS == 0 {
		t.Fatalf("truth: %+v", truth)
	}
	clips, _ := media.Clips()
	for _, u := range truth.Said {
		last := clips[u.Clip].Packets[len(clips[u.Clip].Packets)-1]
		waitUntil(t, ctx, func() bool { return has(v.got("audio", u.Person), last) })
		checkUtterance(t, v.got("audio", u.Person), u, clips[u.Clip])
	}
	for _, run := range truth.Video {
		checkVideo(t, v.got("video", run.Person))
	}
	checkOverlap(t, truth)
}

func has(got []received, payload []byte) bool {
	return slices.ContainsFunc(got, func(p received) bool { return string(p.Payload) == string(payload) })
}

// checkUtterance finds the clip's packets in what came and compares the
// spacing of their timestamps with the schedule.
func checkUtterance(t *testing.T, got []received, u Utterance, clip *media.Clip) {
	t.Helper()
	for i := range got {
		if string(got[i].Payload) != string(clip.Packets[0]) || i+len(clip.Packets) > len(got) {
			continue
		}
		for k, want := range clip.Packets {
			p := got[i+k]
			if string(p.Payload) != string(want) || p.Timestamp != got[i].Timestamp+uint32(k*960) {
				t.Errorf("%s %s: packet %d is wrong or out of time", u.Name, u.Clip, k)
				return
			}
		}
		return
	}
	t.Errorf("%s %s: never came (%d packets)", u.Name, u.Clip, len(got))
}

func checkVideo(t *testing.T, got []received) {
	t.Helper()
	if len(got) == 0 {
		t.Error("no video came")
		return
	}
	if first := got[0].Payload; first[0]&0x10 == 0 || first[1]&1 != 0 { // RFC 7741: S bit, RFC 6386: inverse key bit
		t.Error("video does not begin with a keyframe")
	}
	last := got[0].Timestamp
	for _, p := range got[1:] {
		if d := p.Timestamp - last; d != 0 && d != 3000 {
			t.Errorf("a step of %d in the video timestamps", d)
		}
		last = p.Timestamp
	}
}

func checkOverlap(t *testing.T, truth Truth) {
	t.Helper()
	ben, ada := truth.Said[1], truth.Said[2]
	if ada.StartUS-truth.BeginUS != ben.EndUS-truth.BeginUS-300_000 {
		t.Errorf("crosstalk begins %d µs before the end of the turn before", ben.EndUS-ada.StartUS)
	}
}

func TestSilenceIsSentOrNotAsAsked(t *testing.T) {
	m, ctx := startLab(t, twoTalk())
	v := visit(t, m, "Bot", false)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	truth := m.Truth()
	quiet := func(person string) (n int) {
		for _, p := range v.got("audio", person) {
			if string(p.Payload) == string(media.Silence) {
				n++
			}
		}
		return n
	}
	ada, ben := quiet(truth.People[0].ID), quiet(truth.People[1].ID)
	if ada < 100 || ben > ada/5 || ben == 0 {
		t.Errorf("silent packets: %d with DTX off, %d with DTX on", ada, ben)
	}
}

func TestRefusedVideoIsNotSent(t *testing.T) {
	m, ctx := startLab(t, twoTalk())
	visit(t, m, "Bot", true)
	if err := m.WaitAllSaid(ctx); err != nil {
		t.Fatal(err)
	}
	g := m.Truth().Guests[0]
	if g.Video || g.Frames != 0 || g.AudioPkt == 0 {
		t.Errorf("guest: %+v", g)
	}
}

func TestJoinAndLeaveRenegotiate(t *testing.T) {
	m, ctx := startLab(t, Scenario{Code: "abc-defg-hij", People: []Participant{{Name: "Ada", NoCam: true}}})
	v := visit(t, m, "Bot", false)
	if _, err := m.WaitInCall(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := m.AddParticipant(ctx, Participant{Name: "Eva", NoCam: true}); err != nil {
		t.Fatal(err)
	}
	if err := m.Say("Eva", "beep"); err != nil {
		t.Fatal(err)
	}
	for people := range v.roster {
		if len(people) == 3 {
			break
		}
	}
	waitUntil(t, ctx, func() bool { return len(v.got("audio", m.Truth().People[1].ID)) > 5 })
}

func waitUntil(t *testing.T, ctx context.Context, cond func() bool) {
	t.Helper()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatal("it never happened")
		case <-time.After(10 * time.Millisecond):
		}
	}
}
