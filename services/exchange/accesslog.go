package exchange

import (
	"context"
	"log/slog"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// recorder writes authentications to ACCESS_LOG, aside from the answers: a slow or absent NATS delays no
// decision. What does not fit into the backlog, or cannot be written, is lost and counted.
type recorder struct {
	conn    *bus.Conn
	log     *slog.Logger
	metrics *metrics
	backlog chan bus.Outgoing
}

const (
	// recordAtOnce is how many messages are written together.
	recordAtOnce = 128
	// lastWords is how long the recorder may write on after its end.
	lastWords = 2 * time.Second
)

func newRecorder(conn *bus.Conn, log *slog.Logger, m *metrics, backlog int) *recorder {
	return &recorder{conn: conn, log: log, metrics: m, backlog: make(chan bus.Outgoing, backlog)}
}

// record takes note of an authentication and returns at once.
func (r *recorder) record(account proto.Account, a proto.Authentication) {
	select {
	case r.backlog <- bus.Outgoing{Subject: topology.AccessLog(account, a.Application), Body: &a}:
	default:
		r.metrics.unrecorded.Inc()
	}
}

// run writes until ctx ends, then what is left.
func (r *recorder) run(ctx context.Context) error {
	for {
		select {
		case m := <-r.backlog:
			r.write(ctx, r.collect(m))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
			defer cancel()
			for len(r.backlog) > 0 && last.Err() == nil {
				r.write(last, r.collect(<-r.backlog))
			}
			r.metrics.unrecorded.Add(float64(len(r.backlog)))
			return nil
		}
	}
}

func (r *recorder) collect(first bus.Outgoing) []bus.Outgoing {
	all := []bus.Outgoing{first}
	for len(all) < recordAtOnce {
		select {
		case m := <-r.backlog:
			all = append(all, m)
		default:
			return all
		}
	}
	return all
}

func (r *recorder) write(ctx context.Context, all []bus.Outgoing) {
	lost, why := 0, error(nil)
	for _, err := range r.conn.PublishAll(ctx, all) {
		if err != nil {
			lost, why = lost+1, err
		}
	}
	if lost > 0 {
		r.metrics.unrecorded.Add(float64(lost))
		r.log.Warn("authentications were not recorded in ACCESS_LOG", "lost", lost, "err", why)
	}
}
