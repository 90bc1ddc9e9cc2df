package evaluator

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/fold"
)

type metrics struct {
	evaluations *prometheus.CounterVec
	took        *prometheus.HistogramVec
	conflicts   prometheus.Counter
	changes     *prometheus.CounterVec
	published   *prometheus.CounterVec
	failures    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, holds func() map[proto.HoldState]int) (*metrics, error) {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "plumbline", Subsystem: "evaluator", Name: name, Help: help}
	}
	m := &metrics{
		evaluations: prometheus.NewCounterVec(opts("evaluations_total", "Inputs evaluated, by cause and result."),
			[]string{"cause", "result"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "plumbline", Subsystem: "evaluator",
			Name: "evaluation_seconds", Help: "Time from an input to its stored entry.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}, []string{"cause"}),
		conflicts: prometheus.NewCounter(opts("conflicts_total", "Entries rejected because another evaluator was first.")),
		changes:   prometheus.NewCounterVec(opts("changes_total", "Changed results, by new outcome."), []string{"outcome"}),
		published: prometheus.NewCounterVec(
			opts("inputs_published_total", "Inputs for pages from other causes than a poll, by cause."), []string{"cause"}),
		failures: prometheus.NewCounterVec(
			opts("failures_total", "Messages with failed handling, by stage; most are retried."), []string{"stage"}),
	}
	for _, state := range []proto.HoldState{proto.HoldStanding, proto.HoldRejected, proto.HoldExpired} {
		o := prometheus.GaugeOpts(opts("holds", "Holds of checks, by state."))
		o.ConstLabels = prometheus.Labels{"state": string(state)}
		if err := r.Register(prometheus.NewGaugeFunc(o, func() float64 { return float64(holds()[state]) })); err != nil {
			return nil, err
		}
	}
	for _, c := range []prometheus.Collector{m.evaluations, m.took, m.conflicts, m.changes, m.published, m.failures} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *metrics) evaluated(cause proto.Cause, why fold.Reason, err error, took time.Duration) {
	result, label := why.String(), causeLabel(cause)
	if err != nil {
		result = "error"
	}
	m.evaluations.WithLabelValues(label, result).Inc()
	m.took.WithLabelValues(label).Observe(took.Seconds())
}

// causeLabel keeps a sender from making up labels.
func causeLabel(c proto.Cause) string {
	if c > proto.CauseRelease {
		return "other"
	}
	return c.String()
}

func (m *metrics) committed(step *fold.Step) {
	for _, c := range step.Changes {
		m.changes.WithLabelValues(c.Outcome.String()).Add(float64(len(c.Devices)))
	}
}
