package tracks

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// maxMessage bounds one message of the page: what it may hold back while we do
// not read, and then some.
const maxMessage = 64 << 20

// control is a text message of the page; worker.js documents the types.
type control struct {
	Type      string `json:"type"`
	Track     int    `json:"track"`
	Kind      string `json:"kind"`
	MediaID   string `json:"media_id"`
	StreamID  string `json:"stream_id"`
	Mime      string `json:"mime"`
	SSRC      uint32 `json:"ssrc"`
	Source    string `json:"source"`
	ClockRate int    `json:"clock_rate"`
	Channels  int    `json:"channels"`
	Text      string `json:"text"`
	Down      bool   `json:"down"`
}

// socket listens on the loopback interface for the page's script. Who does not
// know the token in its path learns nothing and sends nothing.
type socket struct {
	server   http.Server
	listener net.Listener
	token    string
}

// listen serves each connection by page, which returns when the connection or
// ctx ends.
func listen(ctx context.Context, page func(context.Context, *websocket.Conn)) (*socket, error) {
	var secret [24]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return nil, fmt.Errorf("open recorder socket: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open recorder socket: %w", err)
	}
	s := &socket{listener: l, token: hex.EncodeToString(secret[:])}
	s.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.URL.Path), []byte("/"+s.token)) != 1 {
			http.NotFound(w, r)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			// The origin is the meeting's; the token is what proves the script.
			InsecureSkipVerify: true,
			CompressionMode:    websocket.CompressionDisabled,
		})
		if err != nil {
			return // answered by Accept
		}
		conn.SetReadLimit(maxMessage)
		page(ctx, conn)
	})
	go func() { _ = s.server.Serve(l) }() // ends with close
	return s, nil
}

func (s *socket) url() string { return fmt.Sprintf("ws://%s/%s", s.listener.Addr(), s.token) }

func (s *socket) close() { _ = s.server.Close() }

// serve reads one page's messages until it is gone.
func (r *Recorder) serve(ctx context.Context, conn *websocket.Conn) {
	r.pages.Add(1)
	defer r.pages.Done()
	defer func() { _ = conn.CloseNow() }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := r.opened()
	defer r.gone(p)
	p.speaks = func() chan []byte { return r.feed(ctx, conn, websocket.MessageBinary, maxSay) }
	p.shows = func() chan []byte { return r.feed(ctx, conn, websocket.MessageText, 1) }
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			err = r.batch(p, b)
		} else {
			err = r.control(p, b)
		}
		if err != nil {
			r.log.Warn("page sent nonsense", "error", err)
			return
		}
	}
}

// control handles a text message.
func (r *Recorder) control(p *page, b []byte) error {
	var c control
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("control message: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.Type {
	case "track":
		p.announce(c)
	case "codec":
		p.receiver(c.Track).format = c
	case "ended":
		r.end(p.receiver(c.Track))
	case "needs_screen":
		r.activity.NeedsScreen = true
	case "connections":
		r.line(p, c.Down)
	case "speaks":
		if r.o.Speak && p.say == nil {
			p.say = p.speaks()
		}
	case "shows":
		if r.o.Camera && p.show == nil {
			p.show = p.shows()
			p.expose(r.picture)
		}
	case "note":
		r.note(c.Text)
	default:
		return fmt.Errorf("control message of type %q", c.Type)
	}
	return nil
}

// batch handles a binary message.
func (r *Recorder) batch(p *page, b []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return parseBatch(b, func(s sample) { r.take(p.receiver(s.track), s) })
}
