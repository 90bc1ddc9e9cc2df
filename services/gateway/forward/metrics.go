package forward

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct{ answers *prometheus.CounterVec }

// newMetrics registers the counters, which both listeners share.
func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_gateway_forward_answers_total",
		Help: "Answers to other proxies: admitted, refused, bad (malformed), " +
			"not_allowed (from an address that may not ask)."}, []string{"proxy", "result"})}
	var there prometheus.AlreadyRegisteredError
	switch err := r.Register(m.answers); {
	case errors.As(err, &there):
		known, ok := there.ExistingCollector.(*prometheus.CounterVec)
		if !ok {
			return nil, fmt.Errorf("metrics of answers to proxies: %w", err)
		}
		m.answers = known
	case err != nil:
		return nil, fmt.Errorf("metrics of answers to proxies: %w", err)
	}
	return m, nil
}

func (m *metrics) answered(proxy, result string) { m.answers.WithLabelValues(proxy, result).Inc() }

// quiet limits log messages that clients can cause at will: one warning every ten seconds, the others at debug level.
type quiet struct {
	log  *slog.Logger
	last atomic.Int64 // Unix seconds
}

func (q *quiet) warn(message string, fields ...any) {
	now, last := time.Now().Unix(), q.last.Load()
	if now-last >= 10 && q.last.CompareAndSwap(last, now) {
		q.log.Warn(message, fields...)
		return
	}
	q.log.Debug(message, fields...)
}
