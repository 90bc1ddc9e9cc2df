package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxLost is how many requests in a row may be lost until a reader gives up: its consumer is made anew.
const maxLost = 2

// reader reads the messages of a consumer in their order.
type reader struct {
	conn    *Conn
	pulls   *pulls
	monitor *Monitor
	batch   int
	quiet   func(context.Context) error // if set, called after each request, also one that brought nothing
	ordered bool                        // the consumer needs no acknowledgement: what is lost is not redelivered
	open    *pull
	handed  uint64 // of the last message, among the consumer's deliveries
	lost    int    // requests in a row
}

// messages begins to read a consumer, asking for batch messages at once.
func (c *Conn) messages(stream string, consumer jetstream.Consumer, batch int, monitor *Monitor) (*reader, error) {
	info := consumer.CachedInfo()
	p, err := c.pulls(stream, info.Name)
	if err != nil {
		return nil, err
	}
	return &reader{conn: c, pulls: p, monitor: monitor, batch: batch,
		ordered: info.Config.AckPolicy == jetstream.AckNonePolicy}, nil
}

// next waits for the next message. An error says that the consumer cannot be read on, or is the end of ctx.
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
