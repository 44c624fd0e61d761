// Package ops answers those who run the server: is it alive, what can it do,
// what does it count.
package ops

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Surface answers /health, /liveness, /status/features and /metrics. None of
// them needs a key.
type Surface struct {
	// Ready reports whether the server can do its work: the database answers.
	Ready    func(ctx context.Context) error
	Registry *prometheus.Registry
}

// NewRegistry returns a registry with the figures of the process itself.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Mount puts the routes on r.
func (s *Surface) Mount(r chi.Router) {
	r.Get("/liveness", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, map[string]any{"status": "ok"}) })
	r.Get("/health", s.health)
	r.Get("/status/features", features)
	r.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}))
}

func (s *Surface) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		w.Header().Set("Retry-After", "1")
		write(w, http.StatusServiceUnavailable, map[string]any{"status": "unavailable", "reason": "the database does not answer"})
		return
	}
	write(w, http.StatusOK, map[string]any{"status": "ok"})
}

// features answers under the names that the original uses (digest 11).
func features(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, map[string]any{
		"selfHosted": true,
		"features": map[string]bool{
			"stripe": false, "svix": true, "calendar": false, "multitenant": true, "dashboard": false, "transcription": true, "email": false,
		},
	})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may be gone
}

// Observer counts requests and how long they took.
func Observer(r prometheus.Registerer) func(method string, status int, took time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "steno_http_request_seconds", Help: "Requests to the API, by method and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5},
	}, []string{"method", "status"})
	r.MustRegister(seconds)
	return func(method string, status int, took time.Duration) {
		if len(method) > 7 { // one of the caller's own making
			method = "other"
		}
		seconds.WithLabelValues(method, strconv.Itoa(status)).Observe(took.Seconds())
	}
}
