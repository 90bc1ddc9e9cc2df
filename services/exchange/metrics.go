package exchange

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/proto"
	"plumbline.dev/services/exchange/keys"
	"plumbline.dev/services/internal/policy"
)

type metrics struct {
	exchanges   *prometheus.CounterVec
	seconds     prometheus.Histogram
	signatures  prometheus.Counter
	unrecorded  prometheus.Counter
	unevaluable *prometheus.CounterVec
	users       *prometheus.CounterVec
	statements  *prometheus.CounterVec
	tokens      *prometheus.GaugeVec
}

func newMetrics(r prometheus.Registerer, set *keys.KeySet) (*metrics, error) {
	m := &metrics{
		exchanges: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_exchanges_total",
			Help: "Requests to exchange service credentials, by the reason of the decision, or lagging.",
		}, []string{"reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plumbline_exchange_exchange_seconds", Help: "Duration of decisions, including signatures.",
			Buckets: []float64{0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1},
		}),
		signatures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_exchange_signatures_total", Help: "RSA signatures, one for each token missing in the cache.",
		}),
		unrecorded: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_exchange_unrecorded_total", Help: "Authentications that did not reach ACCESS_LOG.",
		}),
		unevaluable: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_unevaluable_rules_total",
			Help: "Rules that cannot be evaluated, once for each revision of their policy, by reason and selector.",
		}, []string{"reason", "selector"}),
		users: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_user_exchanges_total",
			Help: "Requests for the tokens of people, by the reason of the answer.",
		}, []string{"reason"}),
		statements: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_exchange_statements_total", Help: "Requests for signed statements, by kind, refused or lagging.",
		}, []string{"kind"}),
		tokens: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "plumbline_exchange_service_tokens",
			Help: "Service tokens by state; every replica reports all of them. Expiring is within a week.",
		}, []string{"state"}),
	}
	published := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_exchange_published_keys",
		Help: "Published public keys: the signing key, the next one, and the ones still accepted.",
	}, func() float64 {
		if latest := set.Latest(); latest != nil {
			return float64(latest.Published)
		}
		return 0
	})
	since := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_exchange_signing_since_seconds",
		Help: "Start of use of the signing key, as Unix time; 0 without a key.",
	}, func() float64 {
		if latest := set.Latest(); latest != nil {
			return float64(latest.Since.Unix())
		}
		return 0
	})
	for _, reason := range policy.Reasons() {
		m.exchanges.WithLabelValues(reason.String())
	}
	m.exchanges.WithLabelValues(proto.CodeLagging)
	errs := []error{}
	for _, c := range []prometheus.Collector{m.exchanges, m.seconds, m.signatures, m.unrecorded, m.unevaluable, m.users,
		m.statements, m.tokens, published, since} {
		errs = append(errs, r.Register(c))
	}
	return m, errors.Join(errs...)
}
