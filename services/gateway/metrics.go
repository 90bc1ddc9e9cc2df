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
		Help: "Requests by the reason of the decision; those that were admitted and that their origin did not answer, or that were ended later, count twice.",
	}, []string{"reason"})
	m := &metrics{
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_gateway_unrecorded_total", Help: "Decisions that did not reach ACCESS_LOG.",
		}),
		unevaluable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_gateway_unevaluable_rules_total",
			Help: "Rules met that cannot be evaluated, once for each revision of their policy, by reason and selector.",
		}, []string{"reason", "selector"}),
	}
	for _, reason := range policy.Reasons() {
		m.decisions = append(m.decisions, decisions.WithLabelValues(reason.String()))
	}
	known := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_gateway_unconfirmed_seconds",
		Help: "For how long it was not confirmed that what is decided by is up to date; -1 before it first was.",
	}, age)
	hold := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "plumbline_gateway_hold_seconds", Help: "For how long at most the gateway decides by what was not confirmed.",
	})
	hold.Set(limit.Seconds())
	var errs []error
	for _, c := range []prometheus.Collector{decisions, m.unrecorded, m.unevaluable, known, hold} {
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
