package scheduler

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	ticks        *prometheus.CounterVec
	conflicts    prometheus.Counter
	errors       prometheus.Counter
	faults       *prometheus.CounterVec
	integrations *prometheus.GaugeVec
	delay        prometheus.Histogram
	offset       prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		ticks: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_scheduler_ticks_total",
			Help: "Ticks published, by why: first, changed or due."}, []string{"reason"}),
		conflicts: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_scheduler_conflicts_total",
			Help: "Ticks refused because another scheduler, or a manual poll, was first."}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_scheduler_errors_total",
			Help: "Integrations that could not be looked at because the bus failed."}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_scheduler_clock_faults_total",
			Help: "Clocks found wrong by over 30 s, by which: tick_ahead, server_clock_set_back or scheduler_clock."},
			[]string{"fault"}),
		integrations: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "plumbline_scheduler_integrations",
			Help: "Integrations by how this scheduler sees them: waiting, not_polled, behind, invalid, or about to be " +
				"published."}, []string{"reason"}),
		delay: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plumbline_scheduler_tick_delay_seconds",
			Help: "From the begin of a slot to its tick.", Buckets: prometheus.ExponentialBuckets(0.005, 4, 9)}),
		offset: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_scheduler_clock_offset_seconds",
			Help: "How far the scheduler's clock is ahead of the server's."}),
	}
	for _, c := range []prometheus.Collector{m.ticks, m.conflicts, m.errors, m.faults, m.integrations, m.delay, m.offset} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the scheduler: %w", err)
		}
	}
	for _, reason := range []Reason{ReasonFirst, ReasonChanged, ReasonDue} {
		m.ticks.WithLabelValues(string(reason))
	}
	for _, fault := range []Fault{FaultTickAhead, FaultSetBack, FaultOwnClock} {
		m.faults.WithLabelValues(string(fault))
	}
	return m, nil
}
