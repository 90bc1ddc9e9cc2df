// Package busload exports metrics of the bus for one service: its connection, the size of its streams and the lag of
// its consumers.
package busload

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
)

const (
	// interval is the interval between requests to the bus.
	interval = 10 * time.Second
	// stale is the age at which an answer is no longer exported.
	stale = time.Minute
)

// Load queries the bus and collects its answers as metrics. A scrape never waits for the bus.
type Load struct {
	role topology.Role
	conn *bus.Conn
	log  *slog.Logger
	last atomic.Pointer[answers]

	connected, reconnects                 *prometheus.Desc
	messages, bytes, bound, written       *prometheus.Desc
	pending, unacknowledged, redeliveries *prometheus.Desc
	lost, stalls, stalled                 *prometheus.Desc
	unreadable, unreadableEver            *prometheus.Desc
	failed, unwritable                    *prometheus.Desc
}

type answers struct {
	at        time.Time
	streams   []*jetstream.StreamInfo
	consumers []*jetstream.ConsumerInfo
}

// New registers the metrics of a role's connection. Several roles of one process may share a registry.
func New(role topology.Role, conn *bus.Conn, r prometheus.Registerer, log *slog.Logger) (*Load, error) {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("plumbline_bus_"+name, help, labels, prometheus.Labels{"role": string(role)})
	}
	l := &Load{role: role, conn: conn, log: log,
		connected:  desc("connected", "1 while connected to NATS."),
		reconnects: desc("reconnects_total", "Reconnections to NATS."),
		messages: desc("stream_messages", "Messages in a stream; in a work queue, those waiting or in progress.",
			"stream"),
		bytes:          desc("stream_bytes", "Compressed size of a stream on each of its servers.", "stream"),
		bound:          desc("stream_limit_bytes", "Size limit of a stream, if it has one.", "stream"),
		written:        desc("stream_written_total", "Messages ever written to a stream.", "stream"),
		pending:        desc("consumer_pending", "Messages not yet delivered by a consumer.", "stream", "consumer"),
		unacknowledged: desc("consumer_unacknowledged", "Messages delivered and not yet acknowledged.", "stream", "consumer"),
		redeliveries: desc("consumer_redelivered", "Unacknowledged messages delivered more than once.", "stream",
			"consumer"),
		lost: desc("lost_requests_total",
			"Requests for messages without a timely answer from NATS; each is retried.", "stage"),
		stalls:  desc("stalls_total", "Stalls of a stage or a watch waiting for NATS.", "stage"),
		stalled: desc("stalled", "Stages and watches stalled on NATS: the service is not ready.", "stage"),
		unreadable: desc("unreadable_records", "Known records that cannot be decoded; the log names their keys.",
			"stream"),
		unreadableEver: desc("unreadable_records_total", "Failures to decode a record.", "stream"),
		failed: desc("failed_writes_total",
			"Messages not stored by NATS: no space (full), or no answer while connected (unanswered).", "reason"),
		unwritable: desc("unwritable", "Kinds of messages that NATS does not store: the service is not ready."),
	}
	return l, r.Register(l)
}

// Run queries the bus until ctx ends.
func (l *Load) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		l.Ask(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ask queries the bus once. Streams and consumers without an answer have no series.
func (l *Load) Ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, interval/2)
	defer cancel()
	if !l.conn.Connected() {
		return
	}
	js, a := l.conn.JetStream(), &answers{at: time.Now()}
	for _, name := range topology.StreamsOf(l.role) {
		if s, err := js.Stream(ctx, name); err == nil {
			a.streams = append(a.streams, s.CachedInfo())
		} else {
			l.log.Debug("failed to read the size of a stream", "stream", name, "err", err)
		}
	}
	for _, d := range topology.DurablesOf(l.role) {
		if c, err := js.Consumer(ctx, d.Stream, d.Config.Durable); err == nil {
			a.consumers = append(a.consumers, c.CachedInfo())
		} else {
			l.log.Debug("failed to read the position of a consumer", "stream", d.Stream, "consumer", d.Config.Durable,
				"err", err)
		}
	}
	l.last.Store(a)
}

// Describe implements prometheus.Collector.
func (l *Load) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{l.connected, l.reconnects, l.messages, l.bytes, l.bound, l.written, l.pending,
		l.unacknowledged, l.redeliveries, l.lost, l.stalls, l.stalled, l.unreadable, l.unreadableEver, l.failed,
		l.unwritable} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (l *Load) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	connected := 0.0
	if l.conn.Connected() {
		connected = 1
	}
	gauge(l.connected, connected)
	count(l.reconnects, l.conn.NATS().Stats().Reconnects)
	for _, m := range l.conn.Monitors() {
		count(l.lost, m.Lost, m.Name)
		count(l.stalls, m.Stalls, m.Name)
		gauge(l.stalled, float64(m.Stalled), m.Name)
	}
	writes := l.conn.Writes()
	count(l.failed, writes.Full, "full")
	count(l.failed, writes.Silent, "unanswered")
	gauge(l.unwritable, float64(writes.Unwritable))
	for _, u := range l.conn.UnreadableRecords() {
		gauge(l.unreadable, float64(u.Now), u.Stream)
		count(l.unreadableEver, u.Ever, u.Stream)
	}
	a := l.last.Load()
	if a == nil || time.Since(a.at) > stale {
		return
	}
	for _, s := range a.streams {
		name := s.Config.Name
		gauge(l.messages, float64(s.State.Msgs), name)
		gauge(l.bytes, float64(s.State.Bytes), name)
		count(l.written, s.State.LastSeq, name)
		if s.Config.MaxBytes > 0 {
			gauge(l.bound, float64(s.Config.MaxBytes), name)
		}
	}
	for _, c := range a.consumers {
		gauge(l.pending, float64(c.NumPending), c.Stream, c.Name)
		gauge(l.unacknowledged, float64(c.NumAckPending), c.Stream, c.Name)
		gauge(l.redeliveries, float64(c.NumRedelivered), c.Stream, c.Name)
	}
}
