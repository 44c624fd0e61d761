package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// errGone is what calls return once the browser does not answer any more.
var errGone = errors.New("the browser is gone")

// pipe speaks the DevTools protocol: JSON messages that end in a zero byte,
// both ways. Calls may overlap.
type pipe struct {
	out   chan []byte
	event func(session, method string, params json.RawMessage)
	gone  chan struct{} // closed when the browser's end is closed
	lost  sync.Once

	mu      sync.Mutex
	next    int64
	waiting map[int64]chan message
}

type message struct {
	ID      int64           `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *protocolError  `json:"error,omitempty"`
}

type protocolError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *protocolError) Error() string { return e.Message }

// newPipe starts to read and write; it stops when r ends. event is called for
// each event in order and must not wait for a call.
func newPipe(r io.Reader, w io.WriteCloser, event func(session, method string, params json.RawMessage)) *pipe {
	p := &pipe{out: make(chan []byte), event: event, gone: make(chan struct{}), waiting: map[int64]chan message{}}
	go p.read(r)
	go p.write(w)
	return p
}

// write is a goroutine of its own because a stopped browser does not empty its
// pipe: the caller must be able to give up.
func (p *pipe) write(w io.WriteCloser) {
	defer w.Close()
	for {
		select {
		case b := <-p.out:
			if _, err := w.Write(b); err != nil {
				p.lose()
				return
			}
		case <-p.gone:
			return
		}
	}
}

// lose ends all calls: one of the two directions does not work any more.
func (p *pipe) lose() { p.lost.Do(func() { close(p.gone) }) }

func (p *pipe) read(r io.Reader) {
	defer p.lose()
	br := bufio.NewReaderSize(r, 64<<10)
	for {
		b, err := br.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(bytes.TrimSuffix(b, []byte{0}), &m) != nil {
			continue
		}
		if m.ID == 0 {
			p.event(m.Session, m.Method, m.Params)
			continue
		}
		p.mu.Lock()
		reply := p.waiting[m.ID]
		delete(p.waiting, m.ID)
		p.mu.Unlock()
		if reply != nil {
			reply <- m
		}
	}
}

// call sends a command and waits for its result, which is decoded into out if
// that is not nil.
func (p *pipe) call(ctx context.Context, session, method string, params, out any) error {
	m := message{Session: session, Method: method}
	if params != nil {
		b, err := json.Marshal(params)
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		m.Params = b
	}
	reply := make(chan message, 1)
	p.mu.Lock()
	p.next++
	m.ID = p.next
	p.waiting[m.ID] = reply
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.waiting, m.ID)
		p.mu.Unlock()
	}()
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	select {
	case p.out <- append(b, 0):
	case <-p.gone:
		return fmt.Errorf("%s: %w", method, errGone)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
	select {
	case m = <-reply:
	case <-p.gone:
		return fmt.Errorf("%s: %w", method, errGone)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", method, ctx.Err())
	}
	if m.Error != nil {
		return fmt.Errorf("%s: %w", method, m.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(m.Result, out); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}
