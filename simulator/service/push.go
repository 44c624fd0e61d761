package service

import (
	"context"
	"crypto/tls"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const lanes = 8

// Pusher posts pushes in the background: those of one channel in order, unless
// a fault says otherwise. It starts with the service and stops with Close.
type Pusher struct {
	core   *Core
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	lanes  [lanes]*lane

	mu      sync.Mutex
	closed  bool
	pending int
	idle    chan struct{} // closed when pending is zero
	sent    int
	lost    int
}

type lane struct {
	mu    sync.Mutex
	queue []push
	wake  chan struct{}
	held  *push
}

type push struct {
	key   string
	build func(context.Context) (*http.Request, error)
	tries int
}

func newPusher(c *Core) *Pusher {
	p := &Pusher{core: c, client: c.PushClient, idle: make(chan struct{})}
	close(p.idle)
	if p.client == nil {
		p.client = pushClient()
	}
	if c.PushRetry == 0 {
		c.PushRetry = 50 * time.Millisecond
	}
	if c.PushTries == 0 {
		c.PushTries = 4
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	for i := range p.lanes {
		p.lanes[i] = &lane{wake: make(chan struct{}, 1)}
		p.work.Add(1)
		go p.run(p.lanes[i])
	}
	return p
}

// pushClient takes any certificate of loopback receivers, and only those.
func pushClient() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.MaxIdleConnsPerHost = lanes
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		d := tls.Dialer{Config: &tls.Config{ServerName: host, InsecureSkipVerify: Loopback(host)}}
		return d.DialContext(ctx, network, addr)
	}
	return &http.Client{Transport: t, Timeout: 10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// Loopback tells that a host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// GoodReceiver tells that pushes may go to an address: https, or http on this
// machine, which the real services do not allow.
func GoodReceiver(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname()))
}

// Send queues a push. build makes the request anew for every try; nil means
// that there is nothing to send any more. It reports false when the push is
// lost by a fault.
func (p *Pusher) Send(key string, build func(context.Context) (*http.Request, error)) bool {
	c := p.core
	if c.Happens(PushDrop, "push", key) {
		p.mu.Lock()
		p.lost++
		p.mu.Unlock()
		return false
	}
	n := 1
	if c.Happens(PushDuplicate, "push", key) {
		n = 2
	}
	l := p.lane(key)
	for range n {
		if !p.begin() {
			return false
		}
		l.put(push{key: key, build: build}, c.Happens(PushReorder, "push", key))
	}
	return true
}

// Now posts a push at once and returns the receiver's status and body, and if
// it is asked for the content type. A nil request is none.
func (p *Pusher) Now(ctx context.Context, build func(context.Context) (*http.Request, error), contentType ...*string) (int, []byte, error) {
	req, err := build(ctx)
	if err != nil || req == nil {
		return 0, nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	for _, into := range contentType {
		*into = resp.Header.Get("Content-Type")
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, body, err
}

func (p *Pusher) lane(key string) *lane {
	h := fnv.New32a()
	_, _ = io.WriteString(h, key) // a hash takes everything
	return p.lanes[h.Sum32()%lanes]
}

func (l *lane) put(x push, hold bool) {
	l.mu.Lock()
	switch {
	case l.held != nil:
		l.queue = append(l.queue, x, *l.held)
		l.held = nil
	case hold:
		l.held = &x
	default:
		l.queue = append(l.queue, x)
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns the next push, or false; waiting tells that one is held back.
func (l *lane) take(flush bool) (x push, ok, waiting bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) > 0 {
		x = l.queue[0]
		l.queue = l.queue[1:]
		return x, true, false
	}
	if l.held != nil && flush {
		x, l.held = *l.held, nil
		return x, true, false
	}
	return push{}, false, l.held != nil
}

// holdFor is how long a push waits for the one that is to overtake it.
const holdFor = 20 * time.Millisecond

func (p *Pusher) run(l *lane) {
	defer p.work.Done()
	var late <-chan time.Time
	for {
		x, ok, waiting := l.take(false)
		if ok {
			p.try(x)
			continue
		}
		if waiting && late == nil {
			late = time.After(holdFor)
		}
		select {
		case <-p.ctx.Done():
			return
		case <-l.wake:
		case <-late:
			late = nil
			if x, ok, _ := l.take(true); ok {
				p.try(x)
			}
		}
	}
}

// try sends a push, again if its receiver answers with 500, 502, 503 or 504.
func (p *Pusher) try(x push) {
	status, _, err := p.Now(p.ctx, func(ctx context.Context) (*http.Request, error) { return x.build(ctx) })
	x.tries++
	again := err != nil || status == 500 || status == 502 || status == 503 || status == 504
	if again && x.tries < p.core.PushTries && p.ctx.Err() == nil {
		pause := p.core.PushRetry << min(2*(x.tries-1), 6)
		p.work.Add(1)
		go func() {
			defer p.work.Done()
			select {
			case <-p.ctx.Done():
				p.end(false)
			case <-time.After(pause):
				p.try(x)
			}
		}()
		return
	}
	if err != nil {
		p.core.Log.Warn("push not delivered", "channel", x.key, "error", err)
	}
	p.end(err == nil && status/100 == 2)
}

func (p *Pusher) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.pending == 0 {
		p.idle = make(chan struct{})
	}
	p.pending++
	return true
}

func (p *Pusher) end(delivered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if delivered {
		p.sent++
	} else {
		p.lost++
	}
	if p.pending--; p.pending == 0 {
		close(p.idle)
	}
}

// Delivered returns how many pushes arrived and how many did not.
func (p *Pusher) Delivered() (sent, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent, p.lost
}

func (p *Pusher) settle(ctx context.Context) error {
	for {
		p.mu.Lock()
		idle, pending := p.idle, p.pending
		p.mu.Unlock()
		if pending == 0 {
			return nil
		}
		select {
		case <-idle:
		case <-p.ctx.Done():
			return p.ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *Pusher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	p.work.Wait()
	p.client.CloseIdleConnections()
}
