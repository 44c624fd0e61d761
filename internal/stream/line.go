package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coder/websocket"
)

const (
	// againMost bounds what of the audio is sent once more after a connection broke:
	// what nobody has said of yet that it was heard.
	againMost = 5 * time.Second
	// catchUp is the pause after a piece that is late: services take audio little
	// faster than it is spoken.
	catchUp = pieceMS * time.Millisecond / 2
	// answerLimit is how long the service may take to tell the rest when all was sent.
	answerLimit = 15 * time.Second
	longPause   = 30 * time.Second // between two tries to connect
	// partialEvery is how often a sentence that goes on is told at most.
	partialEvery = time.Second

	// Statuses of HTTP that pass by themselves.
	tooSlow, tooMany = 408, 429
)

// line is the connection of one source from the first word to a silence, opened
// anew when it breaks.
type line struct {
	e *Ears
	source
	pieces chan piece // closed when nobody speaks any more

	mu      sync.Mutex
	unheard []piece // sent, and nothing was said of it yet
	marks   []mark  // of the present connection
	sent    time.Duration

	told   string // of the sentence that goes on
	toldAt time.Time
}

// mark says when a moment of a connection's audio was.
type mark struct {
	offset time.Duration
	at     time.Time
}

// put queues audio. When the service is away for too long, the oldest is lost.
func (l *line) put(p piece) {
	for {
		select {
		case l.pieces <- p:
			return
		default:
		}
		select {
		case <-l.pieces:
			l.e.note("the service is too slow or away; audio is dropped")
		default:
		}
	}
}

// run has the audio heard until its end.
func (l *line) run() {
	for failures := 1; ; failures++ {
		began := l.e.o.Clock.Now()
		err := l.connect()
		if err == nil || l.e.ctx.Err() != nil {
			return
		}
		if errors.Is(err, errRefused) {
			l.e.refuse()
			l.e.note(l.e.o.Service + " refuses: " + err.Error() + "; there is no live transcript")
			for range l.pieces { // until its end
			}
			return
		}
		l.e.note(l.e.o.Service + ": " + plain(err) + "; trying again while somebody speaks")
		if l.e.o.Clock.Now().Sub(began) >= healthy {
			failures = 1
		}
		wait := min(firstWait<<min(failures-1, 10), longPause)
		select {
		case <-l.e.ctx.Done():
			return
		case <-time.After(wait*3/4 + rand.N(wait/2+1)):
		}
	}
}

// connect opens the connection and uses it. nil: all is heard.
func (l *line) connect() error {
	dialing, cancel := context.WithTimeout(l.e.ctx, limit)
	defer cancel()
	address, header := l.e.dialect.dial(l.e.o.URL, l.e.o.Key, l.e.o.Partial)
	conn, resp, err := websocket.Dial(dialing, address, &websocket.DialOptions{
		HTTPClient: l.e.guard.Client(), HTTPHeader: header, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.StatusCode >= 400 && resp.StatusCode < 500 && resp.StatusCode != tooMany && resp.StatusCode != tooSlow {
			return fmt.Errorf("%w: status %d", errRefused, resp.StatusCode)
		}
		return err
	}
	defer func() { _ = conn.CloseNow() }()
	conn.SetReadLimit(maxMessage)
	ctx, end := context.WithCancelCause(l.e.ctx)
	defer end(nil)
	var reading sync.WaitGroup
	reading.Go(func() { end(l.read(ctx, conn)) })
	err = l.write(ctx, conn)
	if err == nil { // all is sent; the rest is to be told
		select {
		case <-ctx.Done():
		case <-time.After(answerLimit):
			end(errTold)
		}
	}
	_ = conn.CloseNow()
	reading.Wait()
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errTold), err == nil && !errors.Is(cause, errRefused):
		return nil
	case cause != nil:
		return cause
	}
	return err
}

// errTold is the end of a connection whose service has told all.
var errTold = errors.New("told")

// write sends what nobody has heard, and then what is said, to its end.
func (l *line) write(ctx context.Context, conn *websocket.Conn) error {
	l.mu.Lock()
	again := l.unheard
	l.unheard, l.marks, l.sent = nil, nil, 0
	l.mu.Unlock()
	for len(again) > 0 && len(again)*pieceMS > int(againMost.Milliseconds()) {
		again = again[1:]
	}
	for _, p := range again {
		if err := l.send(ctx, conn, p); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case p, ok := <-l.pieces:
			if !ok {
				writing, cancel := context.WithTimeout(ctx, limit)
				defer cancel()
				return conn.Write(writing, websocket.MessageText, []byte(l.e.dialect.bye()))
			}
			if err := l.send(ctx, conn, p); err != nil {
				return err
			}
		}
	}
}

func (l *line) send(ctx context.Context, conn *websocket.Conn, p piece) error {
	l.mu.Lock()
	if n := len(l.marks); n == 0 || l.marks[n-1].at.Add(l.sent-l.marks[n-1].offset).Sub(p.at).Abs() > frameTime/2 {
		l.marks = append(l.marks, mark{l.sent, p.at})
	}
	l.sent += frameTime
	l.unheard = append(l.unheard, p)
	l.mu.Unlock()
	if l.e.o.Clock.Now().Sub(p.at) > time.Second {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(catchUp):
		}
	}
	writing, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return conn.Write(writing, websocket.MessageBinary, p.pcm)
}

// read takes what the service says until the connection ends.
func (l *line) read(ctx context.Context, conn *websocket.Conn) error {
	heard := l.e.dialect.listen()
	defer func() { l.tell(heard.rest()); l.tellPartial(nil) }()
	for {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return l.e.dialect.why(err)
		}
		if kind != websocket.MessageText {
			continue
		}
		said, told := heard.take(b)
		l.tell(said)
		l.tellPartial(heard.soFar())
		if told {
			return errTold
		}
	}
}

// said is what a service heard; times are of the connection's audio.
type said struct {
	text, language string
	from, to       time.Duration
}

// tell tells of what was heard.
func (l *line) tell(s *said) {
	if s == nil || s.text == "" {
		return
	}
	l.mu.Lock()
	l.told = ""
	h := l.heard(s)
	for len(l.unheard) > 0 && !l.unheard[0].at.Add(frameTime).After(h.To) {
		l.unheard = l.unheard[1:]
	}
	l.mu.Unlock()
	if l.e.o.Heard != nil {
		l.e.o.Heard(h)
	}
}

// tellPartial tells how far a sentence is, now and then; nil: nothing of it stays.
func (l *line) tellPartial(s *said) {
	if !l.e.o.Partial {
		return
	}
	if s == nil {
		s = &said{}
	}
	now := l.e.o.Clock.Now()
	l.mu.Lock()
	if s.text == l.told || s.text != "" && now.Sub(l.toldAt) < partialEvery {
		l.mu.Unlock()
		return
	}
	l.told, l.toldAt = s.text, now
	h := l.heard(s)
	h.Partial = true
	l.mu.Unlock()
	if l.e.o.Heard != nil {
		l.e.o.Heard(h)
	}
}

// heard is what the service heard, at its time. l.mu is held.
func (l *line) heard(s *said) Heard {
	return Heard{Track: l.track, CSRC: l.csrc, Text: s.text, Language: s.language, From: l.when(s.from), To: l.when(s.to)}
}

// when is the time of a moment of the connection's audio.
func (l *line) when(offset time.Duration) time.Time {
	for i := len(l.marks) - 1; i >= 0; i-- {
		if m := l.marks[i]; i == 0 || m.offset <= offset {
			return m.at.Add(offset - m.offset)
		}
	}
	return l.e.o.Clock.Now() // nothing was sent
}
