package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	firstWait = time.Second
	longWait  = time.Minute
	// limit bounds the opening of a socket, and how long the other side may
	// neither take a message nor answer a ping.
	limit = 30 * time.Second
	// healthy: a socket that stood so long begins with the shortest wait again.
	healthy    = 10 * time.Second
	maxMessage = 4 << 20 // of what the other side sends
)

// link is one socket, opened over and over.
type link struct {
	s     *Stream
	name  string // output, input
	url   string
	out   *queue // what is sent; nil: nothing
	voice *voice // what is received; nil: it is thrown away
	first time.Duration
}

// run keeps the socket open until ctx ends.
func (l *link) run(ctx context.Context) {
	failures, told := 0, ""
	for {
		began := l.s.o.Clock.Now()
		conn, err := l.dial(ctx)
		if err == nil {
			l.s.note(l.name + " stream connected")
			told = ""
			err = l.use(ctx, conn)
		}
		if ctx.Err() != nil {
			return
		}
		if conn != nil && l.s.o.Clock.Now().Sub(began) >= healthy {
			failures = 0
		}
		failures++
		wait := l.wait(failures)
		// What goes wrong in the same way again and again is told once.
		if text := plain(err); text != told {
			told = text
			l.s.note(fmt.Sprintf("%s stream: %s; trying again until the meeting ends", l.name, text))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// wait is 1, 2, 4 … 60 s, give or take a quarter, so that a receiver that comes
// back is not met by all its bots at once.
func (l *link) wait(failures int) time.Duration {
	first := l.first
	if first == 0 {
		first = firstWait
	}
	wait := min(first<<min(failures-1, 10), longWait)
	return wait*3/4 + rand.N(wait/2+1)
}

func (l *link) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, l.url, &websocket.DialOptions{
		HTTPClient: l.s.guard.Client(), CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// plain is an error without the URL, which may hold a secret.
func plain(err error) string {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	return err.Error()
}

// use sends and receives until the socket breaks.
func (l *link) use(ctx context.Context, conn *websocket.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer func() { _ = conn.CloseNow() }()
	defer cancel(nil)
	wg.Go(func() { cancel(l.read(ctx, conn)) })
	wg.Go(func() { cancel(l.ping(ctx, conn)) })
	if l.out == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	offset := l.out.connect()
	defer l.out.disconnect()
	if err := l.write(ctx, conn, message{text: l.hello(offset)}); err != nil {
		return because(ctx, err)
	}
	for {
		m, ok := l.out.take()
		if !ok {
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-l.out.wake:
			}
			continue
		}
		if err := l.write(ctx, conn, m); err != nil {
			return because(ctx, err)
		}
		l.out.took(m)
	}
}

// because prefers why the socket was given up to what that did to a write.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func (l *link) hello(offset time.Duration) []byte {
	text, err := json.Marshal(struct {
		Version int     `json:"protocol_version"`
		BotID   string  `json:"bot_id"`
		Offset  float64 `json:"offset"`
		Rate    int     `json:"sample_rate"`
	}{l.s.o.Version, l.s.o.BotID, offset.Seconds(), l.s.o.Rate})
	if err != nil {
		return []byte("{}") // cannot be
	}
	return text
}

func (l *link) write(ctx context.Context, conn *websocket.Conn, m message) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if m.audio != nil {
		return conn.Write(ctx, websocket.MessageBinary, m.audio)
	}
	return conn.Write(ctx, websocket.MessageText, m.text)
}

// read takes what comes. The context of a read that ends closes the socket, so
// it is that of the link.
func (l *link) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if l.voice == nil || kind != websocket.MessageBinary {
			continue
		}
		if err := l.voice.add(ctx, b); err != nil {
			return err
		}
	}
}

// ping finds out when the other side is gone without a word.
func (l *link) ping(ctx context.Context, conn *websocket.Conn) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(limit):
		}
		answer, cancel := context.WithTimeout(ctx, limit)
		err := conn.Ping(answer)
		cancel()
		if err != nil {
			return fmt.Errorf("the other side does not answer: %w", err)
		}
	}
}
