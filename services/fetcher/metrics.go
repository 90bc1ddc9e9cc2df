package fetcher

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/proto"
)

const byIntegration = "integration"

type metrics struct {
	ticks    *prometheus.CounterVec
	skipped  prometheus.Counter
	future   prometheus.Counter
	batches  *prometheus.CounterVec
	overruns *prometheus.CounterVec
	dropped  prometheus.Counter
	polls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	requests *prometheus.CounterVec
	devices  *prometheus.CounterVec
	unknown  *prometheus.CounterVec
	tokens   *prometheus.CounterVec
	probes   *prometheus.CounterVec
	withheld prometheus.Counter
	repeated prometheus.Counter
}

func newMetrics(r prometheus.Registerer, g *gate) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_fetcher_" + name, Help: help})
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_fetcher_" + name, Help: help}, labels)
	}
	m := &metrics{
		ticks:    counters("ticks_total", "Ticks handled, by result: planned (or skipped), dead or retried.", "result"),
		skipped:  counter("ticks_skipped_total", "Ticks of removed, paused or unsupported integrations."),
		future:   counter("ticks_ahead_total", "Ticks due over 30 s after the server's time."),
		batches:  counters("batches_total", "Batches planned.", byIntegration),
		overruns: counters("overruns_total", "Pages not polled because an earlier batch was not done.", byIntegration),
		dropped:  counter("batches_dropped_total", "Batches dropped because their integration was removed or paused."),
		polls: counters("polls_total", "Calls for pages, all attempts of one together: ok, or the reason for the failure.",
			byIntegration, "result"),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "plumbline_fetcher_poll_seconds",
			Help: "Time of a call for a page, all attempts together.", Buckets: prometheus.ExponentialBuckets(0.005, 2.5, 11)},
			[]string{byIntegration}),
		requests: counters("requests_total",
			"HTTP requests to scoring APIs, by the class of their status; none without a response.", "status"),
		devices:  counters("devices_total", "Devices in successful calls, by result.", byIntegration, "result"),
		withheld: counter("attempts_withheld_total", "Attempts not made because of the API's Retry-After."),
		repeated: counter("batches_repeated_total",
			"Redelivered batches: the API may be called twice for their pages, perhaps at once."),
		unknown: counters("unknown_devices_total", "Devices in responses but not in the request.", byIntegration),
		tokens: counters("tokens_total",
			"Application tokens requested, first or to confirm one: obtained, refused, or the exchange unreachable or lagging.",
			"result"),
		probes: counters("probes_total",
			"Scoring APIs probed before an integration is saved: ok, or the reason for the failure.", "result"),
	}
	inside := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_fetcher_pages_in_flight",
		Help: "Pages in flight."},
		func() float64 { n, _ := g.load(); return float64(n) })
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_fetcher_pages_waiting",
		Help: "Pages waiting for a place in this process."},
		func() float64 { _, n := g.load(); return float64(n) })
	for _, c := range []prometheus.Collector{m.ticks, m.skipped, m.future, m.batches, m.overruns, m.dropped, m.polls,
		m.seconds, m.requests, m.devices, m.unknown, m.tokens, m.probes, m.withheld, m.repeated, inside, waiting} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the fetcher: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) planned(_ time.Duration, err error) {
	switch {
	case err == nil:
		m.ticks.WithLabelValues("planned").Inc()
	case bus.IsPermanent(err):
		m.ticks.WithLabelValues("dead").Inc()
	default:
		m.ticks.WithLabelValues("retried").Inc()
	}
}

// ended is how a call ended, as a label.
func ended(failure proto.Reason) string {
	if failure == proto.ReasonNone {
		return "ok"
	}
	return failure.String()
}

// polled counts the result of a call.
func (m *metrics) polled(integration proto.ID, in *proto.Input) {
	id := integration.String()
	m.polls.WithLabelValues(id, ended(in.Poll.Error)).Inc()
	if in.Poll.Attempts > 0 {
		m.seconds.WithLabelValues(id).Observe(in.Poll.Took.Seconds())
	}
	if in.Poll.Unknown > 0 {
		m.unknown.WithLabelValues(id).Add(float64(in.Poll.Unknown))
	}
	var missing, invalid int
	for i := range in.Observations {
		switch in.Observations[i].Problem {
		case proto.ReasonMissing:
			missing++
		case proto.ReasonInvalidScore:
			invalid++
		}
	}
	for result, n := range map[string]int{"score": len(in.Observations) - missing - invalid, "missing": missing,
		"invalid_score": invalid} {
		if n > 0 {
			m.devices.WithLabelValues(id, result).Add(float64(n))
		}
	}
}

// forget removes the series of a removed integration.
func (m *metrics) forget(integration proto.ID) {
	of := prometheus.Labels{byIntegration: integration.String()}
	for _, v := range []interface {
		DeletePartialMatch(prometheus.Labels) int
	}{m.batches, m.overruns, m.polls, m.seconds, m.devices, m.unknown} {
		v.DeletePartialMatch(of)
	}
}
