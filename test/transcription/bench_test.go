package transcription

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"steno/internal/store"
	"steno/internal/store/storetest"
	"steno/simulator/transcription"
)

// BenchmarkEnd measures how long it takes from the service's last answer about a
// meeting of an hour to the arrival of bot.completed, and prints it.
func BenchmarkEnd(b *testing.B) {
	const length, meetings = time.Hour, 5
	sim := simulator(b, transcription.Options{Options: polite()})
	to, err := url.Parse(sim.Address())
	if err != nil {
		b.Fatal(err)
	}
	var answered atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(to)
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxy.ServeHTTP(w, r)
		answered.Store(time.Now().UnixNano())
	}))
	defer between.Close()
	people := conversation(length)
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		b.Run(database, func(b *testing.B) {
			o := store.Options{DataDir: b.TempDir()}
			if database == "PostgreSQL" {
				o.DatabaseURL = storetest.PostgresURL(b)
			}
			h := openOn(b, o, sim, "STENO_GLADIA_URL="+between.URL)
			var worst, sum time.Duration
			words := 0
			for range meetings {
				id := h.send(nil)
				h.record(id, people, length)
				h.eventually("the end is told", time.Minute, func() bool { return h.body(id, "bot.completed") != nil })
				h.mu.Lock()
				took := h.ends[id].Sub(time.Unix(0, answered.Load()))
				h.mu.Unlock()
				worst, sum = max(worst, took), sum+took
				words = h.said(h.details(id), people)
			}
			fmt.Printf("%-12s %d meetings of an hour, %d words: mean %d ms, worst %d ms (goal 2,000 ms)\n",
				database, meetings, words, (sum / meetings).Milliseconds(), worst.Milliseconds())
			b.ReportMetric(float64(worst.Milliseconds()), "ms-worst")
			b.ReportMetric(0, "ns/op")
		})
	}
}
