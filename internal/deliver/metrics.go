package deliver

import (
	"strconv"

	"steno/internal/webhook"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	attempts *prometheus.CounterVec
	ended    *prometheus.CounterVec
	seconds  prometheus.Histogram
	disabled prometheus.Counter
	inFlight prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) metrics {
	m := metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steno_webhook_attempts_total", Help: "Tries to deliver a webhook or callback, by kind and by status class or failure.",
		}, []string{"kind", "outcome"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "steno_webhook_deliveries_total", Help: "Webhooks and callbacks that reached their end, by kind and state (delivered, exhausted).",
		}, []string{"kind", "state"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "steno_webhook_attempt_seconds", Help: "Duration of a try.", Buckets: []float64{.005, .02, .1, .5, 2, 10, 30},
		}),
		disabled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "steno_webhook_endpoints_disabled_total", Help: "Endpoints disabled because they were gone or failed for five days.",
		}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "steno_webhook_in_flight", Help: "Calls in flight."}),
	}
	if r != nil {
		r.MustRegister(m.attempts, m.ended, m.seconds, m.disabled, m.inFlight)
	}
	return m
}

func (m metrics) attempt(r result) {
	outcome := string(r.attempt.Failure)
	if outcome == "" {
		outcome = strconv.Itoa(r.attempt.Status/100) + "xx"
	}
	m.attempts.WithLabelValues(string(r.kind), outcome).Inc()
	m.seconds.Observe(r.attempt.Duration.Seconds())
	if r.attempt.State != webhook.Pending {
		m.ended.WithLabelValues(string(r.kind), string(r.attempt.State)).Inc()
	}
}
