package exchange

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/policy"
)

type metrics struct {
	exchanges   *prometheus.CounterVec
	seconds     prometheus.Histogram
	signatures  prometheus.Counter
	unrecorded  prometheus.Counter
	unevaluable *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_exchanges_total",
			Help: "Requests to exchange service credentials, by the reason of the decision.",
		}, []string{"reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumbline_exchange_exchange_seconds", Help: "How long decisions took, signatures included.",
			Buckets: []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1},
		}),
		signatures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_exchange_signatures_total", Help: "RSA signatures made: tokens that were not cached.",
		}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_exchange_unrecorded_total", Help: "Authentications that did not reach ACCESS_LOG.",
		}),
		unevaluable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_unevaluable_rules_total",
			Help: "Rules met that cannot be evaluated, once for each revision of their policy, by reason.",
		}, []string{"reason"}),
	}
	for _, reason := range policy.Reasons() {
		m.exchanges.WithLabelValues(reason.String())
	}
	errs := []error{}
	for _, c := range []prometheus.Collector{m.exchanges, m.seconds, m.signatures, m.unrecorded, m.unevaluable} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}
