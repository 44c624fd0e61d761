package runtime

import (
	"github.com/prometheus/client_golang/prometheus"

	"steno/internal/record/journal"
)

// metrics are the supervisor's figures.
type metrics struct {
	running prometheus.GaugeFunc
	deaths  prometheus.Counter
	gaps    prometheus.Counter
	missing prometheus.Counter
	retries prometheus.Counter
}

func newMetrics(s *Supervisor) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "steno", Name: name, Help: help})
	}
	return &metrics{
		running: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: "steno", Name: "bots_running", Help: "Bots of this host that have not been reported as done.",
		}, func() float64 { return float64(len(s.Running())) }),
		deaths:  counter("bot_process_deaths_total", "Bot processes that died before their bot was done."),
		gaps:    counter("bot_media_gaps_total", "Gaps in recordings."),
		missing: counter("bot_media_missing_seconds_total", "Length of all gaps in recordings."),
		retries: counter("bot_report_retries_total", "Reports and uploads that had to be tried again."),
	}
}

func (m *metrics) gap(g journal.Gap) {
	m.gaps.Inc()
	m.missing.Add(float64(g.To-g.From) / 1e6)
}

// Collectors returns the supervisor's figures, to be registered.
func (s *Supervisor) Collectors() []prometheus.Collector {
	m := s.metrics
	return []prometheus.Collector{m.running, m.deaths, m.gaps, m.missing, m.retries}
}
