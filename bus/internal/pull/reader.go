package pull

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/tuning"
)

// Retry is the delay before a disconnected client asks again, and the minimum delay after a failed request.
const Retry = 250 * time.Millisecond

// maxLost is the number of consecutive lost requests after which a reader gives up and its consumer is recreated.
const maxLost = 2

// Monitor is told whether the server answers.
type Monitor interface {
	Heard() // the server answered a request
	Lost()  // the server did not answer a request in time
}

// Reader reads the messages of a consumer in order. It is not safe for concurrent use.
type Reader struct {
	// Quiet, if not nil, is called after each request, even one without messages.
	Quiet func(context.Context) error

	nc       *nats.Conn
	requests *Requests
	monitor  Monitor
	batch    int
	ordered  bool // the consumer needs no acknowledgements; lost messages are not redelivered
	open     *Request
	handed   uint64 // of the last message, among the consumer's deliveries
	lost     int    // consecutive lost requests
}

// NewReader returns a reader of a consumer; [Reader.Close] ends it. The reader requests up to batch messages at once.
func NewReader(
	nc *nats.Conn, t tuning.Tuning, stream string, consumer jetstream.Consumer, batch int, monitor Monitor,
) (*Reader, error) {
	info := consumer.CachedInfo()
	p, err := Open(nc, t, stream, info.Name)
	if err != nil {
		return nil, err
	}
	return &Reader{nc: nc, requests: p, monitor: monitor, batch: batch,
		ordered: info.Config.AckPolicy == jetstream.AckNonePolicy}, nil
}

// Next waits for the next message. The error is the cause of ctx, or states why the consumer cannot be read any
// further.
func (r *Reader) Next(ctx context.Context) (*Delivery, error) {
	for {
		if r.open == nil {
			if r.nc.IsClosed() {
				return nil, nats.ErrConnectionClosed
			}
			if !r.nc.IsConnected() {
				select {
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				case <-time.After(Retry):
				}
				continue
			}
			var err error
			if r.open, err = r.requests.Send(r.batch); err != nil {
				return nil, err
			}
		}
		m, err := r.open.Read(ctx)
		if err != nil {
			r.end()
		}
		switch {
		case errors.Is(err, ErrEnded):
			r.monitor.Heard()
			r.lost = 0
			if r.Quiet != nil {
				if err := r.Quiet(ctx); err != nil {
					return nil, err
				}
			}
			continue
		case errors.Is(err, ErrLost):
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
		d, err := NewDelivery(r.nc, m)
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

func (r *Reader) end() {
	if r.open != nil {
		r.open.End()
		r.open = nil
	}
}

// Close ends the requests of the reader.
func (r *Reader) Close() {
	r.end()
	r.requests.Close()
}
