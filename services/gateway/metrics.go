package gateway

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/policy"
)

type metrics struct {
	decisions   []prometheus.Counter // by reason
	unrecorded  prometheus.Counter
	unevaluable *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, limit time.Duration, age func() float64) (*metrics, error) {
	decisions := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "plumbline_gateway_decisions_total",
		Help: "Requests by the reason of the decision. Admitted requests that fail at the origin or are ended later " +
			"count twice.",
	}, []string{"reason"})
	m := &metrics{
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_gateway_unrecorded_total", Help: "Decisions that did not reach ACCESS_LOG.",
		}),
		unevaluable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_gateway_unevaluable_rules_total",
			Help: "Rules that cannot be evaluated, once for each revision of their policy, by reason and selector.",
		}, []string{"reason", "selector"}),
	}
	for _, reason := range policy.Reasons() {
		m.decisions = append(m.decisions, decisions.WithLabelValues(reason.String()))
	}
	known := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_gateway_unconfirmed_seconds",
		Help: "Seconds since the gateway's data was last confirmed to be current; -1 before the first confirmation.",
	}, age)
	limits := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "plumbline_gateway_hold_seconds", Help: "Longest time for which the gateway decides on unconfirmed data.",
	})
	limits.Set(limit.Seconds())
	var errs []error
	for _, c := range []prometheus.Collector{decisions, m.unrecorded, m.unevaluable, known, limits} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}

// decided counts a decision.
func (m *metrics) decided(why policy.Reason) {
	if int(why) < len(m.decisions) {
		m.decisions[why].Inc()
	}
}
