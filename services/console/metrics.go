package console

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer, sessions func() float64) (*metrics, error) {
	m := &metrics{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "plumbline_console_request_seconds", Help: "Time to answer requests, by route and class of the status.",
		Buckets: []float64{.01, .025, .05, .1, .2, .5, 1, 2, 5, 10},
	}, []string{"route", "class"})}
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plumbline_console_sessions", Help: "Sessions by login with an API token or a one-time link.",
	}, sessions)
	return m, errors.Join(r.Register(m.requests), r.Register(open))
}

// answered counts a request.
func (m *metrics) answered(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status/100)+"xx").Observe(took.Seconds())
}
