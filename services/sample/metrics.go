package sample

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	requests *prometheus.CounterVec
	devices  prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plumbline_sample_requests_total", Help: "Scoring requests by outcome.",
		}, []string{"outcome"}),
		devices: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "plumbline_sample_devices_total", Help: "Devices in scoring requests.",
		}),
	}
	return m, errors.Join(r.Register(m.requests), r.Register(m.devices))
}
