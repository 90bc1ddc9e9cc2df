package external

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	evaluations *prometheus.CounterVec
	seconds     prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_gateway_external_evaluations_total",
			Help: "External evaluations by result: yes, no, or a failure (unreachable, bad_answer, bad_keys, unsigned, " +
				"busy, circuit)."}, []string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plumbline_gateway_external_evaluation_seconds",
			Help: "Duration of answered external evaluations.", Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 8)}),
	}
	for _, c := range []prometheus.Collector{m.evaluations, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of external evaluations: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) asked(result string) { m.evaluations.WithLabelValues(result).Inc() }

func resultOf(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.result
	}
	return unreachable
}
