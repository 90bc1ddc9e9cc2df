package api

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the Prometheus metrics of the service. Routes are patterns, so that no label contains an id.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	rows      *prometheus.CounterVec
	probes    *prometheus.CounterVec
	providers *prometheus.CounterVec
	streams   prometheus.Gauge
	owed      prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_requests_total",
			Help: "Requests by route, method and HTTP status."}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plumbline_api_request_seconds",
			Help: "Request duration in seconds.", Buckets: []float64{.001, .0025, .005, .01, .02, .05, .1, .5, 2.5, 10, 60}},
			[]string{"route"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_import_rows_total",
			Help: "Rows of device imports by outcome."}, []string{"outcome"}),
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_probes_total",
			Help: "Test calls before integrations are saved, by result: ok, or the reason of the failure."}, []string{"result"}),
		providers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_api_provider_tests_total",
			Help: "Tests of saved identity providers by result: ok, or the reason of the failure."}, []string{"result"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_api_streams",
			Help: "Clients following results."}),
		owed: prometheus.NewGauge(prometheus.GaugeOpts{Name: "plumbline_api_audit_owed",
			Help: "Outbox messages not yet published to the audit log."}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.rows, m.probes, m.providers, m.streams, m.owed} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// registerEnforcement registers the gauges about what people decided: active exemptions, and accounts with the observe
// switch on.
func registerEnforcement(r prometheus.Registerer, exemptions, observing func() float64) error {
	return errors.Join(
		r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_api_exemptions",
			Help: "Active exemptions of devices from checks."}, exemptions)),
		r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_api_observe_switches",
			Help: "Accounts with the observe switch on: no check is enforced."}, observing)))
}

// registerColumns registers the gauge of the memory that lists of devices use.
func registerColumns(r prometheus.Registerer, bytes func() int) error {
	return r.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_api_device_columns_bytes",
		Help: "Memory of the devices kept for lists with filters, in bytes."}, func() float64 { return float64(bytes()) }))
}

func (m *metrics) request(route, method string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}
