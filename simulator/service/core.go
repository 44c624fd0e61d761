// Package service is what the fake services have in common: they listen on
// loopback, count their calls, misbehave on purpose and by seed, look after
// tokens and post pushes. What a provider says and how it says it is in the
// packages google and microsoft.
package service

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"steno/internal/clock"
	"steno/simulator/truth"
)

// Options of a fake service. The zero value is good for tests: a free port,
// seed 0, and a few percent of misbehaviour.
type Options struct {
	// Listen is host:port; only loopback addresses are taken. Default
	// 127.0.0.1:0.
	Listen string
	// Seed decides about ids, tokens and faults.
	Seed uint64
	// Polite switches the misbehaviour off (see Faults).
	Polite bool
	// Faults replaces the rates that are named in it.
	Faults Faults
	// Latency is added to every call.
	Latency time.Duration
	// MaxPage bounds the rows of a page of events; 0: as the service does.
	MaxPage int
	// SlowFor is how long a slow call takes; default 50 ms.
	SlowFor time.Duration
	// Clock tells the time of tokens, channels and changes; default the system's.
	Clock clock.Clock
	Log   *slog.Logger
	// PushClient posts the pushes; default one that takes any certificate of
	// loopback hosts.
	PushClient *http.Client
	// PushRetry is the first pause before a push is tried again; default 50 ms.
	PushRetry time.Duration
	// PushTries is how often a push is tried; default 4.
	PushTries int
}

// Core is the common part of a running service.
type Core struct {
	Options
	Book   *truth.Book
	Grants *Grants
	Pushes *Pusher

	mu     sync.Mutex
	rng    *rand.Rand
	faults Faults
	always Faults
	rolled map[string]uint64
	inject []*Injection
	counts map[string]int
	flying map[string]int
	most   map[string]int

	listener net.Listener
	server   *http.Server
	served   chan struct{}
}

// NewCore prepares a service. faults are the service's own rates when it is
// not polite; always are those that it has even then.
func NewCore(o Options, faults, always Faults) *Core {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.SlowFor == 0 {
		o.SlowFor = 50 * time.Millisecond
	}
	c := &Core{Options: o, rng: rand.New(rand.NewPCG(o.Seed, 0x5e1f)), faults: Faults{}, always: Faults{},
		rolled: map[string]uint64{}, counts: map[string]int{}, flying: map[string]int{}, most: map[string]int{}}
	c.always.merge(always)
	c.faults.merge(always)
	if !o.Polite {
		c.faults.merge(faults)
	}
	c.faults.merge(o.Faults)
	c.Book = &truth.Book{Now: c.Now}
	c.Grants = newGrants(c)
	c.Pushes = newPusher(c)
	return c
}

// Now is the service's time.
func (c *Core) Now() time.Time { return c.Clock.Now().UTC() }

// Serve listens and answers with h until Close.
func (c *Core) Serve(h http.Handler) error {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("start simulator: listen address %q: %w", c.Listen, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("start simulator: %q is not a loopback address; simulators are for this machine only", c.Listen)
	}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("start simulator: %w", err)
	}
	c.listener, c.served = ln, make(chan struct{})
	c.server = &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(c.served)
		if err := c.server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			c.Log.Error("simulator stopped", "error", err)
		}
	}()
	return nil
}

// Address is http://host:port.
func (c *Core) Address() string { return "http://" + c.listener.Addr().String() }

// Close ends the service and its pushes. It may be called more than once, also
// when Serve failed.
func (c *Core) Close() {
	c.Pushes.close()
	if c.server != nil {
		c.server.Close()
		<-c.served
	}
}

// Random returns n hex-like characters of an alphabet, by the seed.
func (c *Core) Random(alphabet string, n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[c.rng.IntN(len(alphabet))]
	}
	return string(b)
}

// Letters are the characters of tokens.
const Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// Count notes a call of a method, for an account ("" if nobody's).
func (c *Core) Count(method, account string) {
	c.mu.Lock()
	c.counts[method]++
	c.counts["*"]++
	if account != "" {
		c.counts[method+" "+account]++
		c.counts["* "+account]++
	}
	c.mu.Unlock()
}

// Calls returns how often a method was called since the start or the last
// ResetCalls: "events.list", "token", "*" for all together. With an account,
// "events.list ada@example.com".
func (c *Core) Calls(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[method]
}

// AllCalls returns all counters.
func (c *Core) AllCalls() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]int, len(c.counts))
	for k, v := range c.counts {
		all[k] = v
	}
	return all
}

// ResetCalls sets all counters to zero.
func (c *Core) ResetCalls() {
	c.mu.Lock()
	c.counts = map[string]int{}
	c.most = map[string]int{}
	c.mu.Unlock()
}

// Enter counts a call in flight and returns how many there are now under the
// key; leave ends it.
func (c *Core) Enter(key string) (now int, leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flying[key]++
	c.most[key] = max(c.most[key], c.flying[key])
	return c.flying[key], func() {
		c.mu.Lock()
		if c.flying[key]--; c.flying[key] == 0 {
			delete(c.flying, key)
		}
		c.mu.Unlock()
	}
}

// MostAtOnce is the highest number of calls that were in flight under a key.
func (c *Core) MostAtOnce(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most[key]
}

// Page is the size of a page that a client asks for, or what it gets.
func (c *Core) Page(asked int) int {
	if c.MaxPage > 0 {
		return min(asked, c.MaxPage)
	}
	return asked
}

// Settle waits until all pushes are delivered, dropped or given up.
func (c *Core) Settle(ctx context.Context) error { return c.Pushes.settle(ctx) }

func hash(seed uint64, kind Kind, key string, n uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%s/%d", seed, kind, key, n)
	// FNV leaves the high bits of short inputs alike; mix them.
	return rand.NewPCG(h.Sum64(), seed).Uint64()
}
