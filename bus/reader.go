package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxLost is the number of consecutive lost requests after which a reader gives up and its consumer is recreated.
const maxLost = 2

// reader reads the messages of a consumer in order.
type reader struct {
	conn    *Conn
	pulls   *pulls
	monitor *Monitor
	batch   int
	quiet   func(context.Context) error // if not nil, called after each request, even one without messages
	ordered bool                        // the consumer needs no acknowledgements; lost messages are not redelivered
	open    *pull
	handed  uint64 // of the last message, among the consumer's deliveries
	lost    int    // consecutive lost requests
}

// messages returns a reader of a consumer. The reader requests up to batch messages at once.
func (c *Conn) messages(stream string, consumer jetstream.Consumer, batch int, monitor *Monitor) (*reader, error) {
	info := consumer.CachedInfo()
	p, err := c.pulls(stream, info.Name)
	if err != nil {
		return nil, err
	}
	return &reader{conn: c, pulls: p, monitor: monitor, batch: batch,
		ordered: info.Config.AckPolicy == jetstream.AckNonePolicy}, nil
}

// next waits for the next message. The error is the cause of ctx, or states why the consumer cannot be read any
// further.
func (r *reader) next(ctx context.Context) (*delivery, error) {
	for {
		if r.open == nil {
			if r.conn.nc.IsClosed() {
				return nil, nats.ErrConnectionClosed
			}
			if !r.conn.nc.IsConnected() {
				if sleep(ctx, retryPull); ctx.Err() != nil {
					return nil, context.Cause(ctx)
				}
				continue
			}
			var err error
			if r.open, err = r.pulls.send(pullRequest{Batch: r.batch}); err != nil {
				return nil, err
			}
		}
		m, err := r.open.read(ctx)
		if err != nil {
			r.end()
		}
		switch {
		case errors.Is(err, errPullEnded):
			r.monitor.Heard()
			r.lost = 0
			if r.quiet != nil {
				if err := r.quiet(ctx); err != nil {
					return nil, err
				}
			}
			continue
		case errors.Is(err, errPullLost):
			r.monitor.Lost()
			if r.lost++; r.lost < maxLost {
				continue
			}
			return nil, err
		case err != nil:
			return nil, err
		}
		r.monitor.Heard()
		r.lost = 0
		d, err := newDelivery(r.conn.nc, m)
		if err != nil {
			return nil, err
		}
		if r.ordered && d.handed != r.handed+1 {
			return nil, fmt.Errorf("%s: delivery %d came after %d, reading on from there", d.Stream, d.handed, r.handed)
		}
		r.handed = d.handed
		return d, nil
	}
}

func (r *reader) end() {
	if r.open != nil {
		r.open.end()
		r.open = nil
	}
}

func (r *reader) close() {
	r.end()
	r.pulls.close()
}
