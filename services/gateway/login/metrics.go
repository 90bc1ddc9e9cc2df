package login

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/internal/policy"
)

type metrics struct {
	logins  *prometheus.CounterVec
	seconds *prometheus.HistogramVec
	logouts prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_gateway_logins_total",
			Help: "Logins of people to applications, by result."}, []string{"reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plumbline_gateway_identity_provider_seconds",
			Help:    "Time in which an identity provider redeemed a code.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 11)}, []string{"result"}),
		logouts: prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_gateway_logouts_total",
			Help: "Sessions ended by a logout."}),
	}
	for _, reason := range []policy.Reason{policy.Allow, policy.PersonNotAdmitted, policy.ProviderUnavailable,
		policy.LoginFailed} {
		m.logins.WithLabelValues(reason.String())
	}
	for _, c := range []prometheus.Collector{m.logins, m.seconds, m.logouts} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
