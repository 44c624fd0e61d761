package tracks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/ivfreader"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"
)

// clip is encoded media of a participant: what is sent is what must be
// recorded.
type clip struct {
	opus [][]byte // packets of 20 ms
	vp8  [][]byte // frames of 1/30 s
}

// makeClip lets ffmpeg make seconds of a tone (steady, so that the loudness is
// known) and of a moving picture.
func makeClip(t testing.TB, seconds, tone int) clip {
	t.Helper()
	clipsMu.Lock()
	defer clipsMu.Unlock()
	key := [2]int{seconds, tone}
	if c, ok := clips[key]; ok {
		return c
	}
	dir := t.TempDir()
	ogg, ivf := filepath.Join(dir, "a.ogg"), filepath.Join(dir, "v.ivf")
	ffmpeg(t, "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=%d:sample_rate=48000:duration=%d", tone, seconds),
		"-c:a", "libopus", "-b:a", "32k", "-page_duration", "20000", ogg)
	ffmpeg(t, "-f", "lavfi", "-i", fmt.Sprintf("testsrc=size=640x360:rate=30:duration=%d", seconds),
		"-c:v", "libvpx", "-b:v", "500k", "-g", "60", "-deadline", "realtime", "-cpu-used", "8", ivf)
	clips[key] = clip{opus: readOgg(t, ogg), vp8: readIVF(t, ivf)}
	return clips[key]
}

// clips are made once.
var (
	clipsMu sync.Mutex
	clips   = map[[2]int]clip{}
)

func ffmpeg(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg (apt-get install ffmpeg): %v\n%s", err, out)
	}
}

func readOgg(t testing.TB, path string) (packets [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, _, err := oggreader.NewWith(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		page, _, err := r.ParseNextPage()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(page) > 8 && string(page[:8]) == "OpusTags" {
			continue
		}
		packets = append(packets, page)
	}
}

func readIVF(t testing.TB, path string) (frames [][]byte) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, _, err := ivfreader.NewWith(f)
	if err != nil {
		t.Fatal(err)
	}
	for {
		frame, _, err := r.ParseNextFrame()
		if errors.Is(err, io.EOF) {
			return frames
		}
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, frame)
	}
}

// peer is the other side of a meeting: one connection over which participants
// come in, each an audio and a video track. The page answers its offers, or
// makes the offer itself.
type peer struct {
	t    testing.TB
	pc   *webrtc.PeerConnection
	http *httptest.Server

	stop    chan struct{}
	senders sync.WaitGroup
}

const meetingPage = `<!doctype html><title>meeting</title><body><script>
const pc = new RTCPeerConnection();
window.trackEvents = 0;
pc.ontrack = e => {
  window.trackEvents++;
  const el = document.createElement(e.track.kind);
  el.autoplay = true; el.srcObject = new MediaStream([e.track]);
  document.body.append(el);
};
const gathered = () => new Promise(done => {
  const look = () => pc.iceGatheringState === 'complete' && done();
  pc.addEventListener('icegatheringstatechange', look); look();
});
const post = async (path, body) => (await fetch(path, {method: 'POST', body: JSON.stringify(body)})).json();
// The other side offers.
window.answer = async () => {
  await pc.setRemoteDescription(await post('/offer', {}));
  await pc.setLocalDescription(await pc.createAnswer());
  await gathered();
  await post('/answer', pc.localDescription);
};
// This side offers.
window.offer = async n => {
  for (let i = 0; i < n; i++) { pc.addTransceiver('audio', {direction: 'recvonly'}); pc.addTransceiver('video', {direction: 'recvonly'}); }
  await pc.setLocalDescription(await pc.createOffer());
  await gathered();
  await pc.setRemoteDescription(await post('/offered', pc.localDescription));
};
window.stats = async () => {
  const out = {framesDecoded: 0, keyFramesDecoded: 0, pli: 0, videoBytes: 0, audioPackets: 0, audioDecoded: 0, concealed: 0};
  for (const s of (await pc.getStats()).values()) {
    if (s.type !== 'inbound-rtp') continue;
    if (s.kind === 'video') {
      out.framesDecoded += s.framesDecoded; out.keyFramesDecoded += s.keyFramesDecoded;
      out.pli += s.pliCount; out.videoBytes += s.bytesReceived;
    } else { out.audioPackets += s.packetsReceived; out.concealed += s.concealedSamples; }
  }
  return out;
};
</script>`

// newPeer starts a peer and the page's server.
func newPeer(t testing.TB) *peer {
	t.Helper()
	p := &peer{t: t, stop: make(chan struct{})}
	var setting webrtc.SettingEngine
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetIPFilter(func(ip net.IP) bool { return ip.Equal(net.IPv4(127, 0, 0, 1)) })
	setting.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(setting), webrtc.WithMediaEngine(codecs(t))).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	p.pc = pc
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, meetingPage)
	})
	mux.HandleFunc("POST /offer", p.describe(func(webrtc.SessionDescription) (webrtc.SessionDescription, error) {
		return pc.CreateOffer(nil)
	}))
	mux.HandleFunc("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		var d webrtc.SessionDescription
		if err := json.NewDecoder(r.Body).Decode(&d); err != nil {
			t.Error(err)
		}
		if err := pc.SetRemoteDescription(d); err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, "{}")
	})
	mux.HandleFunc("POST /offered", p.describe(func(d webrtc.SessionDescription) (webrtc.SessionDescription, error) {
		if err := pc.SetRemoteDescription(d); err != nil {
			return d, err
		}
		return pc.CreateAnswer(nil)
	}))
	p.http = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(p.stop)
		p.senders.Wait()
		pc.Close()
		p.http.Close()
	})
	return p
}

func codecs(t testing.TB) *webrtc.MediaEngine {
	m := &webrtc.MediaEngine{}
	for kind, c := range map[webrtc.RTPCodecType]webrtc.RTPCodecParameters{
		webrtc.RTPCodecTypeAudio: {PayloadType: 111, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1"}},
		webrtc.RTPCodecTypeVideo: {PayloadType: 96, RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000,
			RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}},
	} {
		if err := m.RegisterCodec(c, kind); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// describe answers a request with a complete description of our side.
func (p *peer) describe(local func(webrtc.SessionDescription) (webrtc.SessionDescription, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var remote webrtc.SessionDescription
		_ = json.NewDecoder(r.Body).Decode(&remote) // empty when the page asks for an offer
		d, err := local(remote)
		if err != nil {
			p.t.Error(err)
			return
		}
		gathered := webrtc.GatheringCompletePromise(p.pc)
		if err := p.pc.SetLocalDescription(d); err != nil {
			p.t.Error(err)
			return
		}
		<-gathered
		_ = json.NewEncoder(w).Encode(p.pc.LocalDescription())
	}
}

// participant is somebody who sends a clip.
type participant struct {
	name         string
	audio, video *webrtc.TrackLocalStaticSample
}

// join adds a participant; the page must negotiate before anything arrives.
func (p *peer) join(name string) participant {
	p.t.Helper()
	who := participant{name: name}
	var err error
	who.audio, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, name+"-audio", name)
	if err != nil {
		p.t.Fatal(err)
	}
	who.video, err = webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, name+"-video", name)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, track := range []webrtc.TrackLocal{who.audio, who.video} {
		sender, err := p.pc.AddTrack(track)
		if err != nil {
			p.t.Fatal(err)
		}
		go func() { // RTCP must be read for NACKs to be answered
			for {
				if _, _, err := sender.ReadRTCP(); err != nil {
					return
				}
			}
		}()
	}
	return who
}

// send plays a clip once in real time; the channel is closed at its end.
func (p *peer) send(who participant, c clip) <-chan struct{} {
	done := make(chan struct{})
	var both sync.WaitGroup
	play := func(track *webrtc.TrackLocalStaticSample, frames [][]byte, every time.Duration) {
		start := time.Now()
		for i, f := range frames {
			select {
			case <-time.After(time.Until(start.Add(time.Duration(i) * every))):
			case <-p.stop:
				return
			}
			if err := track.WriteSample(media.Sample{Data: f, Duration: every}); err != nil {
				return
			}
		}
	}
	p.senders.Add(1)
	both.Go(func() { play(who.audio, c.opus, 20*time.Millisecond) })
	both.Go(func() { play(who.video, c.vp8, time.Second/30) })
	go func() {
		defer p.senders.Done()
		both.Wait()
		close(done)
	}()
	return done
}

// connected waits until media can flow.
func (p *peer) connected() {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); p.pc.ConnectionState() != webrtc.PeerConnectionStateConnected; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("connection is %s", p.pc.ConnectionState())
		}
	}
}
