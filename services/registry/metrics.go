package registry

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/proto"
)

type metrics struct {
	commands  *prometheus.CounterVec
	devices   *prometheus.CounterVec
	pages     prometheus.Counter
	conflicts prometheus.Counter
	repeated  prometheus.Counter
	seconds   prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, x *index) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "plumbline_registry_" + name, Help: help})
	}
	m := &metrics{
		commands: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_registry_commands_total",
			Help: "Device commands handled, by result: applied, dead or retried."}, []string{"result"}),
		devices: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "plumbline_registry_devices_total",
			Help: "Devices of applied commands, by result."}, []string{"result"}),
		pages:     counter("pages_written_total", "Pages committed."),
		conflicts: counter("conflicts_total", "Commits refused because another registry was first, or a page had changed."),
		repeated:  counter("commands_repeated_total", "Commands redelivered after they had been applied."),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "plumbline_registry_command_seconds",
			Help: "Time to handle a device command.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 9)}),
	}
	for _, c := range []prometheus.Collector{m.commands, m.devices, m.pages, m.conflicts, m.repeated, m.seconds,
		inventoryGauges{x}} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the registry: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(took time.Duration, err error) {
	m.seconds.Observe(took.Seconds())
	switch {
	case err == nil:
		m.commands.WithLabelValues("applied").Inc()
	case bus.IsPermanent(err):
		m.commands.WithLabelValues("dead").Inc()
	default:
		m.commands.WithLabelValues("retried").Inc()
	}
}

// committed counts a part's additions to a command's answer.
func (m *metrics) committed(before, after *proto.CommandAnswer, pages int) {
	m.pages.Add(float64(pages))
	for result, n := range map[string]int{
		"enrolled":  after.Enrolled - before.Enrolled,
		"updated":   after.Updated - before.Updated,
		"unchanged": after.Unchanged - before.Unchanged,
		"removed":   after.Removed - before.Removed,
		"absent":    after.Absent - before.Absent,
		"refused":   len(after.Refused) + after.RefusedMore - len(before.Refused) - before.RefusedMore,
	} {
		m.devices.WithLabelValues(result).Add(float64(n))
	}
}

// inventoryGauges reports the number of devices and pages of each account, from the index.
type inventoryGauges struct{ index *index }

var (
	enrolledDesc = prometheus.NewDesc("plumbline_registry_enrolled_devices", "Devices enrolled.", []string{"account"}, nil)
	pagesDesc    = prometheus.NewDesc("plumbline_registry_pages", "Pages, emptied ones included.",
		[]string{"account"}, nil)
)

func (g inventoryGauges) Describe(ch chan<- *prometheus.Desc) { ch <- enrolledDesc; ch <- pagesDesc }

func (g inventoryGauges) Collect(ch chan<- prometheus.Metric) {
	for a, n := range g.index.counts() {
		ch <- prometheus.MustNewConstMetric(enrolledDesc, prometheus.GaugeValue, float64(n.devices), a.String())
		ch <- prometheus.MustNewConstMetric(pagesDesc, prometheus.GaugeValue, float64(n.pages), a.String())
	}
}
