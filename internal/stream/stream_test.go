package stream

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"steno/internal/clock"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// receiver is the caller's side of a stream.
type receiver struct {
	*httptest.Server
	conns chan *websocket.Conn
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{conns: make(chan *websocket.Conn, 16)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c, err := websocket.Accept(w, req, nil)
		if err != nil {
			return
		}
		r.conns <- c
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ws() string {
	return strings.Replace(r.URL, "http", "ws", 1) + "/audio?token=hunter2"
}

func (r *receiver) conn(t *testing.T) *websocket.Conn {
	t.Helper()
	select {
	case c := <-r.conns:
		t.Cleanup(func() { _ = c.CloseNow() })
		return c
	case <-time.After(30 * time.Second):
		t.Fatal("nobody connects")
	}
	return nil
}

func read(t *testing.T, c *websocket.Conn) (websocket.MessageType, []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	kind, b, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return kind, b
}

// notes collects what is told.
type notes struct {
	mu   sync.Mutex
	list []string
	more chan struct{}
}

func newNotes() *notes { return &notes{more: make(chan struct{}, 100)} }

func (n *notes) add(text string) {
	n.mu.Lock()
	n.list = append(n.list, text)
	n.mu.Unlock()
	n.more <- struct{}{}
}

// until waits for a note and returns it.
func (n *notes) until(t *testing.T, part string) string {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		n.mu.Lock()
		for _, text := range n.list {
			if strings.Contains(text, part) {
				n.mu.Unlock()
				return text
			}
		}
		n.mu.Unlock()
		select {
		case <-n.more:
		case <-late:
			t.Fatalf("never told of %q: %q", part, n.list)
		}
	}
}

func open(t *testing.T, o Options) *Stream {
	t.Helper()
	o.BotID, o.Clock, o.Version = "b1", clock.System{}, 2
	if o.Rate == 0 {
		o.Rate = 16000
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, l := range s.links {
		l.first = time.Millisecond
	}
	return s
}

type handshake struct {
	Version *int     `json:"protocol_version"`
	BotID   string   `json:"bot_id"`
	Offset  *float64 `json:"offset"`
	Rate    int      `json:"sample_rate"`
}

func hello(t *testing.T, c *websocket.Conn) (h handshake) {
	t.Helper()
	kind, b := read(t, c)
	if err := json.Unmarshal(b, &h); err != nil || kind != websocket.MessageText || h.Version == nil || h.Offset == nil {
		t.Fatalf("the first message is %s (%v)", b, err)
	}
	return h
}

func TestFramesAreOf100msAtEachRate(t *testing.T) {
	for _, hz := range []int{16000, 24000, 32000, 48000} {
		r := newReceiver(t)
		s := open(t, Options{OutputURL: r.ws(), Rate: hz, Allow: loopback})
		s.Start()
		c := r.conn(t)
		if h := hello(t, c); h.BotID != "b1" || h.Rate != hz || *h.Offset != 0 || *h.Version != 2 {
			t.Errorf("handshake %+v", h)
		}
		for range 2 {
			if kind, b := read(t, c); kind != websocket.MessageBinary || len(b) != hz/5 {
				t.Errorf("%d Hz: a frame of %d bytes", hz, len(b))
			}
		}
		s.Close()
	}
}

func TestAReceiverThatComesBackIsGreetedAgainAndGetsNothingOld(t *testing.T) {
	r := newReceiver(t)
	told := newNotes()
	s := open(t, Options{OutputURL: r.ws(), Allow: loopback, Note: told.add})
	s.Start()
	c := r.conn(t)
	hello(t, c)
	read(t, c)
	_ = c.CloseNow()
	again := r.conn(t)
	if h := hello(t, again); *h.Offset < 0.1 {
		t.Errorf("the second handshake is at %v s", *h.Offset)
	}
	s.Speakers([]Speaker{{Name: "Ada", ID: 2, At: time.UnixMilli(1500), Speaking: true}, {Name: "Bot", At: time.UnixMilli(1500)}})
	for {
		kind, b := read(t, again)
		if kind == websocket.MessageBinary {
			continue
		}
		if want := `[{"name":"Ada","id":2,"timestamp":1.5,"isSpeaking":true},{"name":"Bot","id":null,"timestamp":1.5,"isSpeaking":false}]`; string(b) != want {
			t.Errorf("speakers %s, want %s", b, want)
		}
		break
	}
	if text := told.until(t, "trying again"); strings.Contains(text, "hunter2") {
		t.Errorf("a note shows the URL's token: %s", text)
	}
}

func TestNothingIsSentInAPause(t *testing.T) {
	r := newReceiver(t)
	s := open(t, Options{OutputURL: r.ws(), Allow: loopback})
	s.Pause(true)
	s.Start()
	c := r.conn(t)
	hello(t, c)
	s.Speakers([]Speaker{{Name: "before"}})
	if kind, b := read(t, c); kind != websocket.MessageText || !strings.Contains(string(b), "before") {
		t.Fatalf("%s in a pause", b)
	}
	s.Pause(false)
	if kind, _ := read(t, c); kind != websocket.MessageBinary {
		t.Error("no audio after the pause")
	}
}

func TestASlowReceiverLosesTheOldestAndThatIsTold(t *testing.T) {
	var told []time.Duration
	q := newQueue(func(d time.Duration) { told = append(told, d) })
	q.put(message{audio: []byte{0}}) // nobody is there
	if at := q.connect(); at != frameTime {
		t.Errorf("the receiver begins at %s", at)
	}
	for i := range maxWait + 5 {
		q.put(message{audio: []byte{byte(i)}})
	}
	for i := range maxWait {
		m, ok := q.take()
		if !ok || m.audio[0] != byte(i+5) {
			t.Fatalf("message %d is %v", i, m.audio)
		}
		q.took(m)
	}
	if len(told) != 2 || told[1] != 5*frameTime {
		t.Errorf("told %v", told)
	}
	if n := q.counted(); n != maxWait*frameTime || q.counted() != 0 {
		t.Errorf("%s counted", n)
	}
}

// A receiver that takes the connection but never answers, one that is not
// there, and one that says no: the stream can be closed at any moment.
func TestAReceiverThatNeverAcceptsHoldsNothingUp(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	no := httptest.NewServer(http.NotFoundHandler())
	defer no.Close()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for name, c := range map[string]struct{ addr, note string }{
		"mute": {mute.Addr().String(), ""}, "no": {no.Listener.Addr().String(), "404"}, "gone": {gone.Addr().String(), "refused"},
	} {
		told := newNotes()
		s := open(t, Options{OutputURL: "ws://" + c.addr + "/", Allow: loopback, Note: told.add})
		s.Start()
		if c.note != "" {
			told.until(t, c.note)
		} else if conn, err := mute.Accept(); err != nil {
			t.Fatal(name, err)
		} else {
			defer conn.Close()
		}
		s.Close()
	}
}

// Proves that a private address is refused at once, and that it is the guard,
// which looks where a name leads, that opens the socket.
func TestPrivateReceiversAreRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	hit := make(chan struct{}, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			c.Close()
			hit <- struct{}{}
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, u := range []string{"ws://127.0.0.1:" + port, "wss://[::1]:" + port, "ws://169.254.169.254/", "http+x://example.com/", "ws://localhost:" + port + "/?token=hunter2"} {
		for _, o := range []Options{{OutputURL: u}, {InputURL: u}} {
			o.Clock, o.Rate = clock.System{}, 16000
			if _, err := New(o); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", u, err)
			}
		}
	}
	told := newNotes()
	s := open(t, Options{OutputURL: "ws://ears.example/", Note: told.add})
	s.links[0].url = "ws://127.0.0.1:" + port + "/?token=hunter2"
	s.Start()
	if text := told.until(t, "trying again"); strings.Contains(text, "hunter2") {
		t.Errorf("a note shows the URL's token: %s", text)
	}
	select {
	case <-hit:
		t.Error("a private address was reached")
	default:
	}
}

func TestWhatIsReceivedIsSaidInOrderWhateverTheChunks(t *testing.T) {
	r := newReceiver(t)
	said := make(chan []int16, 1000)
	s := open(t, Options{InputURL: r.ws(), Rate: 48000, Allow: loopback, Play: func(pcm []int16) { said <- pcm }})
	s.Start()
	c := r.conn(t)
	var all []byte
	for i := range 9600 { // 200 ms
		all = append(all, byte(i), byte(i>>8))
	}
	_ = c.Write(t.Context(), websocket.MessageText, []byte(`{"not":"audio"}`))
	for rest, n := all, 1; len(rest) > 0; n += 333 { // odd sizes too
		n = min(n, len(rest))
		if err := c.Write(t.Context(), websocket.MessageBinary, rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	var got []int16
	for len(got) < 9600 {
		select {
		case pcm := <-said:
			if len(pcm) != chunk {
				t.Fatalf("%d samples at once", len(pcm))
			}
			got = append(got, pcm...)
		case <-time.After(30 * time.Second):
			t.Fatalf("only %d samples", len(got))
		}
	}
	for i := range 9600 {
		if got[i] != int16(i) {
			t.Fatalf("sample %d is %d", i, got[i])
		}
	}
	s.Close()
	if in := s.voice.counted(); in != 0 {
		t.Errorf("%s not told", in)
	}
}

func TestOneSocketServesBothWhenTheURLsAreEqual(t *testing.T) {
	r := newReceiver(t)
	said := make(chan []int16, 1000)
	counted := make(chan [2]time.Duration, 1)
	s := open(t, Options{
		OutputURL: r.ws(), InputURL: r.ws(), Allow: loopback, Play: func(pcm []int16) { said <- pcm },
		Count: func(out, in time.Duration) { counted <- [2]time.Duration{out, in} },
	})
	s.Start()
	c := r.conn(t)
	hello(t, c)
	if err := c.Write(t.Context(), websocket.MessageBinary, make([]byte, 640)); err != nil {
		t.Fatal(err)
	}
	read(t, c)
	<-said
	read(t, c)
	s.Close()
	if n := <-counted; n[0] < 100*time.Millisecond || n[1] != 20*time.Millisecond {
		t.Errorf("counted %v", n)
	}
	select {
	case <-r.conns:
		t.Error("two sockets")
	default:
	}
}
