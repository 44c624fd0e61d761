package live

import (
	"encoding/binary"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/opus"

	"steno/internal/bot"
	"steno/internal/meeting"
	"steno/internal/record/journal"
	"steno/lab"
	"steno/lab/measure"
	"steno/lab/media"
)

// listener is a receiver of a bot's output stream.
type listener struct {
	*httptest.Server
	mu       sync.Mutex
	hellos   []string
	speakers []string
	began    time.Time // arrival of the first frame of this connection
	pcm      []byte    // of this connection
	conn     *websocket.Conn
}

func listen(t *testing.T) *listener {
	l := &listener{}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		l.mu.Lock()
		l.conn, l.pcm = c, nil
		l.mu.Unlock()
		for {
			kind, b, err := c.Read(r.Context())
			if err != nil {
				return
			}
			l.take(kind, b)
		}
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *listener) take(kind websocket.MessageType, b []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case kind == websocket.MessageBinary:
		if len(l.pcm) == 0 {
			l.began = time.Now()
		}
		l.pcm = append(l.pcm, b...)
	case strings.HasPrefix(string(b), "["):
		l.speakers = append(l.speakers, string(b))
	default:
		l.hellos = append(l.hellos, string(b))
	}
}

// heard is how much audio came over the present connection.
func (l *listener) heard(hz int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Duration(len(l.pcm)/2) * time.Second / time.Duration(hz)
}

// hangUp ends the present connection.
func (l *listener) hangUp() {
	l.mu.Lock()
	c := l.conn
	l.mu.Unlock()
	_ = c.CloseNow()
}

// wav writes what was heard to a file and returns when its first sample came.
func (l *listener) wav(t *testing.T, hz int) (file string, began time.Time) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	head := append([]byte("RIFF\x00\x00\x00\x00WAVEfmt "), 16, 0, 0, 0, 1, 0, 1, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(hz))
	head = binary.LittleEndian.AppendUint32(head, uint32(2*hz))
	head = append(head, 2, 0, 16, 0)
	head = binary.LittleEndian.AppendUint32(append(head, "data"...), uint32(len(l.pcm)))
	file = filepath.Join(t.TempDir(), "heard.wav")
	if err := os.WriteFile(file, append(head, l.pcm...), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, l.began
}

func (l *listener) ws() string { return strings.Replace(l.URL, "http", "ws", 1) }

// streams lets the spec stream to loopback.
func streams(to bot.Streaming) func(*bot.Spec) {
	return func(s *bot.Spec) {
		s.Streaming, s.StreamVersion = &to, 2
		s.Reach.Networks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
}

// A bot streams a real meeting to a receiver that hangs up once: what comes is
// what was said, nothing comes in a pause, and the recording is whole.
func TestStreamedMeeting(t *testing.T) {
	t.Parallel()
	const hz = 24000
	l := listen(t)
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(streams(bot.Streaming{OutputURL: l.ws(), Frequency: hz}))
	h.untilState(bot.Recording)
	h.until("audio", func() bool { return l.heard(hz) > time.Second })
	l.hangUp()
	h.until("a second connection", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return len(l.hellos) == 2 })
	h.until("more audio", func() bool { return l.heard(hz) > 12*time.Second })
	file, began := l.wav(t, hz)

	h.tell(bot.CommandPause, "c1", "")
	h.untilState(bot.Paused)
	before := l.heard(hz)
	h.untilRecorded(2 * time.Second)
	if more := l.heard(hz) - before; more > 0 {
		t.Errorf("%s of audio in a pause", more)
	}
	h.tell(bot.CommandResume, "c2", "")
	h.until("audio after the pause", func() bool { return l.heard(hz) > before+time.Second })
	entries := h.journal()
	done := h.finish(bot.EndAPIRequest)

	// The last second may still be on its way.
	said := h.hears(measure.Recording{EpochUS: began.UnixMicro(), Audio: file}, began.Add(11*time.Second).UnixMicro())
	t.Logf("stream: %+v", *said)
	if said.Utterances < 3 || said.Found < said.Utterances-1 || said.LostS > 0.02*said.SpeechS {
		t.Errorf("the stream is not what was said: %+v", *said)
	}
	from, _ := pauseIn(entries)
	recording := h.hears(measure.Recording{EpochUS: epochIn(entries), Audio: filepath.Join(h.data, "objects", botID, "output.flac")}, from)
	t.Logf("recording: %+v", *recording)
	if recording.Found < recording.Utterances || recording.LostS > 0.02*recording.SpeechS {
		t.Errorf("the recording suffered: %+v", *recording)
	}
	if out := done.Dones[0].StreamedOut; out < 13*time.Second {
		t.Errorf("%s of output are charged", out)
	}
	var hello struct {
		BotID  string  `json:"bot_id"`
		Offset float64 `json:"offset"`
	}
	if err := json.Unmarshal([]byte(l.hellos[1]), &hello); err != nil || hello.BotID != botID || hello.Offset < 1 {
		t.Errorf("second handshake %s", l.hellos[1])
	}
	if len(l.speakers) == 0 || !strings.Contains(strings.Join(l.speakers, ""), `"isSpeaking":true`) {
		t.Errorf("speakers %q", l.speakers)
	}
}

// hears measures a file against what was said, until a moment (0: its end).
func (h *host) hears(rec measure.Recording, until int64) *measure.Sound {
	h.t.Helper()
	r, err := measure.Measure(h.t.Context(), rec, h.room.Truth(), measure.Options{ToUS: until})
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Mix
}

func epochIn(entries []journal.Entry) int64 {
	for _, e := range entries {
		if e.Epoch != nil {
			return e.Epoch.UnixMicro
		}
	}
	return 0
}

// Whatever a receiver does, the recording does not notice.
func TestBadReceiversDoNotTouchTheRecording(t *testing.T) {
	if os.Getenv("STENO_STORM") == "" {
		t.Skip("a minute; STENO_STORM=1")
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	bad := func(serve func(*websocket.Conn)) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := websocket.Accept(w, r, nil); err == nil {
				serve(c)
			}
		}))
		t.Cleanup(s.Close)
		return strings.Replace(s.URL, "http", "ws", 1)
	}
	done := make(chan struct{})
	defer close(done)
	for name, url := range map[string]string{
		"never accepts": "ws://" + mute.Addr().String() + "/",
		"hangs up":      bad(func(c *websocket.Conn) { _ = c.CloseNow() }),
		"never reads":   bad(func(*websocket.Conn) { <-done }),
		"is private":    "ws://10.1.2.3/",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, t.TempDir(), nil)
			h.start()
			h.launch(streams(bot.Streaming{OutputURL: url, Frequency: 48000}))
			if name == "is private" {
				h.finished(bot.Failed, bot.EndStreamingSetup)
				return
			}
			h.untilState(bot.Recording)
			h.untilRecorded(12 * time.Second)
			entries := h.journal()
			until := entries[len(entries)-1].At.UnixMicro()
			h.finish(bot.EndAPIRequest)
			recording := h.hears(measure.Recording{EpochUS: epochIn(entries), Audio: filepath.Join(h.data, "objects", botID, "output.flac")}, until)
			if recording.Utterances < 3 || recording.Found < recording.Utterances-1 || recording.LostS > 0.01*recording.SpeechS {
				t.Errorf("the recording suffered: %+v", *recording)
			}
		})
	}
}

// A bot says what comes in over its input stream: it unmutes itself, the others
// hear all of it, and it mutes itself again.
func TestSpeakingBot(t *testing.T) {
	t.Parallel()
	const hz = 24000
	l := listen(t)
	h := newHost(t, t.TempDir(), nil)
	h.start()
	h.launch(streams(bot.Streaming{InputURL: l.ws(), OutputURL: l.ws(), Frequency: hz}))
	h.untilState(bot.Recording)
	h.until("a socket", func() bool { return l.heard(hz) > 0 })
	said := l.say(t, "cora-1", hz)
	unmuted := func() bool { _, on := h.room.Voice("Steno Notes"); return on }
	h.until("the bot unmutes itself", unmuted)
	h.until("the bot mutes itself again", func() bool { return !unmuted() })
	h.tell(bot.CommandPause, "c1", "") // a pause of the recording is none of the voice
	again := l.say(t, "cora-2", hz)
	h.until("the bot unmutes itself again", unmuted)
	h.until("the bot mutes itself once more", func() bool { return !unmuted() })
	h.tell(bot.CommandResume, "c2", "")
	h.untilRecorded(time.Second)
	entries := h.journal()
	done := h.finish(bot.EndAPIRequest)

	packets, _ := h.room.Voice("Steno Notes")
	file, began := heardWAV(t, packets)
	truth := lab.Truth{Said: []lab.Utterance{said, again}}
	r, err := measure.Measure(t.Context(), measure.Recording{EpochUS: began.UnixMicro(), Audio: file}, truth, measure.Options{FromUS: said.StartUS, ToUS: again.EndUS + 3_000_000, Search: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("voice: %+v", *r.Mix)
	if r.Mix.Found != 2 || r.Mix.LostS > 0.02*r.Mix.SpeechS {
		t.Errorf("the others did not hear what the bot said: %+v", *r.Mix)
	}
	from, _ := pauseIn(entries)
	recording := h.hears(measure.Recording{EpochUS: epochIn(entries), Audio: filepath.Join(h.data, "objects", botID, "output.flac")}, from)
	if recording.Found < recording.Utterances || recording.LostS > 0.02*recording.SpeechS {
		t.Errorf("the recording suffered: %+v", *recording)
	}
	length := time.Duration(said.EndUS-said.StartUS+again.EndUS-again.StartUS) * time.Microsecond
	if in := done.Dones[0].StreamedIn; in < length || in > length+100*time.Millisecond {
		t.Errorf("%s of input are charged, want %s", in, length)
	}
}

// On Teams' page as on that of Zoom, which encodes by itself, a bot speaks and
// shows a picture; nobody else says anything.
func TestBotSpeaksAndShowsOnOtherPages(t *testing.T) {
	const hz = 24000
	for _, platform := range []meeting.Platform{meeting.Teams, meeting.Zoom} {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			l := listen(t)
			h := newHost(t, t.TempDir(), func(s *lab.Scenario) { s.Platform, s.Turns, s.Repeat = string(platform), nil, false })
			h.start()
			h.launch(func(s *bot.Spec) {
				shows(pictures(t).URL, false, "/blue")(s)
				streams(bot.Streaming{InputURL: l.ws(), Frequency: hz})(s)
				s.Platform, s.Engine = platform, bot.TrackEngine
			})
			h.untilState(bot.Recording)
			h.until("a socket", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.conn != nil })
			said := l.say(t, "cora-1", hz)
			unmuted := func() bool { _, on := h.room.Voice("Steno Notes"); return on }
			h.until("the bot unmutes itself", unmuted)
			h.until("the bot mutes itself again", func() bool { return !unmuted() })
			h.untilShown("blue")
			h.book.Wish(botID)
			h.until("the bot's end", func() bool { return !slices.Contains(h.s.Running(), botID) })

			packets, _ := h.room.Voice("Steno Notes")
			file, began := heardWAV(t, packets)
			r, err := measure.Measure(t.Context(), measure.Recording{EpochUS: began.UnixMicro(), Audio: file}, lab.Truth{Said: []lab.Utterance{said}},
				measure.Options{FromUS: said.StartUS, ToUS: said.EndUS + 3_000_000, Search: 3 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("voice: %+v", *r.Mix)
			if r.Mix.Found != 1 || r.Mix.LostS > 0.02*r.Mix.SpeechS {
				t.Errorf("the others did not hear what the bot said: %+v", *r.Mix)
			}
		})
	}
}

// say sends a clip at once and returns what is to be heard of it.
func (l *listener) say(t *testing.T, name string, hz int) lab.Utterance {
	t.Helper()
	clips, err := media.Clips()
	if err != nil {
		t.Fatal(err)
	}
	c := clips[name]
	d, err := opus.NewDecoderWithOutput(hz, 1)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	pcm := make([]int16, hz/5)
	for _, p := range c.Packets {
		n, err := d.DecodeToInt16(p, pcm)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range pcm[:n] {
			all = binary.LittleEndian.AppendUint16(all, uint16(v))
		}
	}
	u := lab.Utterance{Name: "Steno Notes", Clip: name, StartUS: time.Now().UnixMicro()}
	u.EndUS = u.StartUS + int64(c.Samples())*1_000_000/media.SampleRate
	for _, a := range c.Activity {
		u.Activity = append(u.Activity, lab.Span{FromUS: u.StartUS + int64(a.Start)*1_000_000/media.SampleRate, ToUS: u.StartUS + int64(a.End)*1_000_000/media.SampleRate})
	}
	u.FirstUS, u.LastUS = u.Activity[0].FromUS, u.Activity[len(u.Activity)-1].ToUS
	l.mu.Lock()
	conn := l.conn
	l.mu.Unlock()
	if err := conn.Write(t.Context(), websocket.MessageBinary, all); err != nil {
		t.Fatal(err)
	}
	return u
}

// heardWAV writes what a guest said to a file, each packet where its timestamp
// says, and returns when the first came.
func heardWAV(t *testing.T, packets []lab.Heard) (file string, began time.Time) {
	t.Helper()
	if len(packets) == 0 {
		t.Fatal("the bot was not heard at all")
	}
	d, err := opus.NewDecoderWithOutput(media.SampleRate, 1)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	stood, one := 0, make([]int16, media.SampleRate/5)
	for _, p := range packets {
		n, err := d.DecodeToInt16(p.Payload, one)
		if err != nil {
			t.Fatal(err)
		}
		// A sender may let its clock stand while it says nothing: then it is the
		// arrival that counts.
		at := int(p.RTP-packets[0].RTP) + stood
		if late := int(p.At.Sub(packets[0].At).Seconds()*media.SampleRate) - at; late > media.SampleRate/2 {
			at, stood = at+late, stood+late
		}
		if more := at + n - len(pcm); more > 0 {
			pcm = append(pcm, make([]int16, more)...)
		}
		copy(pcm[at:], one[:n])
	}
	l := &listener{}
	for _, v := range pcm {
		l.pcm = binary.LittleEndian.AppendUint16(l.pcm, uint16(v))
	}
	file, _ = l.wav(t, media.SampleRate)
	return file, packets[0].At
}
