package dispatcher

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/dispatcher/retry"
)

type metrics struct {
	attempts *prometheus.CounterVec
	seconds  prometheus.Histogram
	tests    *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, s *Service) (*metrics, error) {
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_dispatcher_attempts_total",
			Help: "Attempts to deliver a message, by result: delivered, failed, or disabled (the destination was)."},
			[]string{"result"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plumbline_dispatcher_attempt_seconds",
			Help:    "Time until the response to an attempt, or until it failed.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 10)}),
		tests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_dispatcher_tests_total",
			Help: "Test messages, by result: delivered or failed."}, []string{"result"}),
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_dispatcher_" + name, Help: help}, value)
	}
	for _, c := range []prometheus.Collector{m.attempts, m.seconds, m.tests,
		gauge("destinations", "Destinations that this process delivers to.", func() float64 {
			n, _, _ := s.load()
			return float64(n)
		}),
		gauge("failing_destinations", "Destinations of this process with a message that could not be delivered yet.",
			func() float64 {
				_, n, _ := s.load()
				return float64(n)
			}),
		gauge("lag_seconds", "Age of the oldest message that a destination of this process did not accept.",
			func() float64 {
				_, _, lag := s.load()
				return lag
			}),
		gauge("disabled_destinations", "Destinations of the configuration that are disabled.", s.disabled),
	} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the dispatcher: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) attempt(v retry.Verdict, a attempt) {
	result := map[retry.Verdict]string{retry.Delivered: "delivered", retry.Again: "failed", retry.Disable: "disabled"}[v]
	m.attempts.WithLabelValues(result).Inc()
	if a.took > 0 {
		m.seconds.Observe(a.took.Seconds())
	}
}

func (m *metrics) tested(a attempt) {
	result := "delivered"
	if a.problem != "" {
		result = "failed"
	}
	m.tests.WithLabelValues(result).Inc()
}

// load returns the numbers of this process's destinations and of those that fail, and the age of the oldest message
// that waits, in seconds.
func (s *Service) load() (all, failing int, lag float64) {
	couriers := s.couriers.Load()
	if couriers == nil {
		return 0, 0, 0
	}
	now := s.clock.Now()
	for _, c := range *couriers {
		c.mu.Lock()
		if c.state.Waiting != "" {
			failing++
			lag = max(lag, now.Sub(c.state.WaitingSince.Time()).Seconds())
		}
		c.mu.Unlock()
	}
	return len(*couriers), failing, lag
}

// disabled returns the number of disabled destinations. Every dispatcher counts all of them.
func (s *Service) disabled() float64 {
	n := 0
	for _, rec := range s.catalog.AllDestinations() {
		state := s.states.Find(rec.Account, rec.Value.ID)
		if !rec.Value.Paused && state.IsDisabled(rec.Revision) {
			n++
		}
	}
	return float64(n)
}
