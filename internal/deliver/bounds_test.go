package deliver

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/netguard"
	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/internal/webhook"
)

// Proves D9: a payload of any size from 1 byte to 5 MB arrives as it is, and is
// never dropped for its size.
func TestPayloadsOfAnySizeArriveWhole(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b := newBench(db)
		s := newSink(t, nil)
		b.endpoint(s.URL)
		b.run(t, b.options())
		for i, size := range []int{1, 64 << 10, 5 << 20} {
			payload := bytes.Repeat([]byte("é"), size/2+1)[:size]
			payload = []byte(strings.ToValidUTF8(string(payload), "x"))
			e := webhook.Event{TeamID: team, Type: webhook.BotCompleted, BotID: "bot", Payload: payload, At: time.Now()}
			must(db.InTx(t.Context(), func(tx *store.Tx) error { return tx.EmitWebhook(t.Context(), e) }))
			waitFor(t, "the delivery", func() bool { return len(s.requests()) == i+1 })
			if got := s.requests()[i].body; !bytes.Equal(got, payload) {
				t.Errorf("%d bytes sent, %d arrived", size, len(got))
			}
		}
	})
}

// counted counts the bytes that are read from connections.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// Proves D9: of an answer at most 64 kB of body and 64 kB of headers are read,
// however much the receiver sends and in whatever form, and the sender's memory
// does not grow.
func TestAnswersAreReadUpToALimit(t *testing.T) {
	b := newBench(storetest.SQLite(t))
	var read atomic.Int64
	allow, err := netguard.ParseAllow("127.0.0.1/32")
	must(err)
	g := netguard.New(netguard.Options{Allow: allow, Wrap: func(c net.Conn) net.Conn { return counted{c, &read} }})
	defer g.Close()
	o := b.options()
	o.Client = g.Client()
	b.run(t, o)
	hostile := map[string]http.HandlerFunc{
		"2 GB": endless(200),
		"a bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			chunk := make([]byte, 1<<20)
			for range 64 {
				if _, err := z.Write(chunk); err != nil {
					return
				}
			}
			z.Close()
		},
		"endless headers": func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for i := 0; err == nil; i++ {
				_, err = fmt.Fprintf(c, "X-Filler-%d: %s\r\n", i, strings.Repeat("y", 4000))
			}
		},
		"endless chunks": func(w http.ResponseWriter, _ *http.Request) {
			chunk := bytes.Repeat([]byte("x"), 32<<10)
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
	}
	before := heap()
	for name, h := range hostile {
		s := newSink(t, h)
		id, _ := b.endpoint(s.URL)
		read.Store(0)
		b.emit("bot", 1, 1)
		waitFor(t, name, func() bool {
			return b.count(`SELECT COUNT(*) FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1`, id) == 1
		})
		must(b.hooks.Remove(t.Context(), team, id))
		// 64 kB, and what the transport's buffer had taken in besides.
		if most := int64(netguard.MaxBodyBytes + netguard.MaxHeaderBytes + 8<<10); read.Load() > most {
			t.Errorf("%s: %d bytes read", name, read.Load())
		}
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d MB more in use", grown>>20)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Proves D5: a receiver whose certificate nobody vouches for, or that speaks no
// TLS, got nothing.
func TestAReceiverWithABadCertificateGetsNothing(t *testing.T) {
	b := newBench(storetest.SQLite(t))
	var got atomic.Int64
	tls := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	t.Cleanup(tls.Close)
	plain := newSink(t, nil)
	b.run(t, b.options())
	for _, url := range []string{tls.URL, strings.Replace(plain.URL, "http:", "https:", 1)} {
		id, _ := b.endpoint(url)
		b.emit("bot", 1, 1)
		waitFor(t, "an attempt", func() bool {
			return b.count(`SELECT COUNT(*) FROM webhook_attempts a JOIN webhook_deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1`, id) == 1
		})
		if a := b.lastAttempt(id); a.Failure != webhook.Network || a.Status != 0 || a.State != webhook.Pending || a.Error == "" {
			t.Errorf("recorded %+v", a)
		}
		must(b.hooks.Remove(t.Context(), team, id))
	}
	if got.Load() != 0 || len(plain.requests()) != 0 {
		t.Error("the message was sent")
	}
}
