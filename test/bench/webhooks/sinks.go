package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"
)

// sink is a receiver that counts.
type sink struct {
	*httptest.Server
	count  atomic.Int64
	arrive atomic.Pointer[func(bot string)]
}

func newSink(h http.HandlerFunc) *sink {
	k := &sink{}
	k.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h != nil {
			h(w, r)
			return
		}
		k.take(r)
	}))
	return k
}

func (k *sink) take(r *http.Request) {
	if f := k.arrive.Load(); f != nil {
		var m struct {
			Data struct {
				BotID string `json:"bot_id"`
			} `json:"data"`
		}
		if json.NewDecoder(r.Body).Decode(&m) == nil {
			(*f)(m.Data.BotID)
		}
	} else {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	k.count.Add(1)
}

func (k *sink) onArrival(f func(bot string)) {
	if f == nil {
		k.arrive.Store(nil)
		return
	}
	k.arrive.Store(&f)
}

func (k *sink) waitFor(n int64, most time.Duration) error {
	for begin := time.Now(); k.count.Load() < n; time.Sleep(time.Millisecond) {
		if time.Since(begin) > most {
			return fmt.Errorf("%d of %d arrived in %s", k.count.Load(), n, most)
		}
	}
	return nil
}

// crowd is 35 receivers that are broken in four ways.
type crowd struct {
	urls   []string
	sinks  []*sink
	hung   atomic.Int64
	most   atomic.Int64
	closed chan struct{}
}

func newCrowd() *crowd {
	c := &crowd{closed: make(chan struct{})}
	for _, kind := range []struct {
		n int
		h http.HandlerFunc
	}{{20, c.hang}, {5, c.trickle}, {5, reset}, {5, flood}} {
		for range kind.n {
			k := newSink(kind.h)
			c.sinks, c.urls = append(c.sinks, k), append(c.urls, k.URL)
		}
	}
	return c
}

func (c *crowd) close() {
	close(c.closed)
	for _, k := range c.sinks {
		k.CloseClientConnections()
		k.Close()
	}
}

// hang never answers.
func (c *crowd) hang(_ http.ResponseWriter, r *http.Request) {
	n := c.hung.Add(1)
	defer c.hung.Add(-1)
	for m := c.most.Load(); n > m && !c.most.CompareAndSwap(m, n); m = c.most.Load() {
	}
	select {
	case <-r.Context().Done():
	case <-c.closed:
	}
}

// trickle sends its headers a byte a second.
func (c *crowd) trickle(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	for _, b := range []byte("HTTP/1.1 200 OK\r\nX-Slow: " + strings.Repeat("y", 1000)) {
		if _, err := conn.Write([]byte{b}); err != nil {
			return
		}
		select {
		case <-c.closed:
			return
		case <-time.After(time.Second):
		}
	}
}

// reset hangs up without a word.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// flood answers with a gigabyte.
func flood(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusInternalServerError)
	chunk := make([]byte, 64<<10)
	for range (1 << 30) / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
