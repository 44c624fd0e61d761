package live

import (
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"steno/internal/bot"
	"steno/internal/record/journal"
	"steno/lab/measure"
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

	said := h.hears(measure.Recording{EpochUS: began.UnixMicro(), Audio: file}, 0)
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
