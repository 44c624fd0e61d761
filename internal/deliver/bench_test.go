package deliver

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
)

// BenchmarkDelivered measures deliveries per second (D10): events are accepted
// in transactions of 20 while the sender runs, to 4 receivers, until all have
// arrived.
//
//	go test ./internal/deliver -run '^$' -bench Delivered -benchtime 6000x
func BenchmarkDelivered(b *testing.B) {
	for _, on := range []string{"sqlite", "postgres"} {
		b.Run(on, func(b *testing.B) {
			o := store.Options{DataDir: b.TempDir()}
			if on == "postgres" {
				o.DatabaseURL = storetest.PostgresURL(b)
			}
			db, err := store.Open(b.Context(), o)
			must(err)
			defer func() { must(db.Close()) }()
			benchDelivered(b, newBench(db))
		})
	}
}

func benchDelivered(b *testing.B, x bench) {
	const receivers = 4
	var sinks []*sink
	for range receivers {
		s := newSink(b, nil)
		s.keep = false
		x.endpoint(s.URL)
		sinks = append(sinks, s)
	}
	stop := x.run(b, x.options())
	b.ResetTimer()
	x.emit("bot", b.N/receivers, 20)
	accepted := b.Elapsed()
	waitFor(b, "all deliveries", func() bool {
		for _, s := range sinks {
			if n, _ := s.distinct(); n < b.N/receivers {
				return false
			}
		}
		return true
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64(b.N)/accepted.Seconds(), "accepted/s")
	stop()
	sent := 0
	for _, s := range sinks {
		_, n := s.distinct()
		sent += n
	}
	b.ReportMetric(float64(sent-b.N/receivers*receivers), "repeated")
}

// BenchmarkLatency measures the time from commit to arrival at 100 events a
// second (D10: p50 ≤ 10 ms, p99 ≤ 50 ms).
//
//	go test ./internal/deliver -run '^$' -bench Latency -benchtime 1000x
func BenchmarkLatency(b *testing.B) {
	for _, on := range []string{"sqlite", "postgres"} {
		b.Run(on, func(b *testing.B) {
			o := store.Options{DataDir: b.TempDir()}
			if on == "postgres" {
				o.DatabaseURL = storetest.PostgresURL(b)
			}
			db, err := store.Open(b.Context(), o)
			must(err)
			defer func() { must(db.Close()) }()
			benchLatency(b, newBench(db))
		})
	}
}

func benchLatency(b *testing.B, x bench) {
	var mu sync.Mutex
	arrived := map[string]time.Time{}
	s := newTimedSink(b, func(bot string) {
		mu.Lock()
		arrived[bot] = time.Now()
		mu.Unlock()
	})
	x.endpoint(s.URL)
	stop := x.run(b, x.options())
	committed := map[string]time.Time{}
	start := time.Now()
	for i := range b.N {
		time.Sleep(time.Until(start.Add(time.Duration(i) * 10 * time.Millisecond)))
		x.emit(botName(i), 1, 1)
		committed[botName(i)] = time.Now()
	}
	waitFor(b, "all", func() bool { mu.Lock(); defer mu.Unlock(); return len(arrived) == b.N })
	stop()
	reportLatency(b, committed, arrived)
}

// newTimedSink calls f with the bot_id of each message as it arrives.
func newTimedSink(b *testing.B, f func(bot string)) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Data struct {
				BotID string `json:"bot_id"`
			} `json:"data"`
		}
		if json.NewDecoder(r.Body).Decode(&m) == nil {
			f(m.Data.BotID)
		}
	}))
	b.Cleanup(s.Close)
	return s
}

func reportLatency(b *testing.B, committed, arrived map[string]time.Time) {
	var all []time.Duration
	for bot, at := range committed {
		all = append(all, arrived[bot].Sub(at))
	}
	slices.Sort(all)
	ms := func(p float64) float64 { return float64(all[int(p*float64(len(all)-1))].Microseconds()) / 1000 }
	b.ReportMetric(ms(0.5), "p50-ms")
	b.ReportMetric(ms(0.99), "p99-ms")
}
