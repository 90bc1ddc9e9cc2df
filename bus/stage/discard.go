package stage

import (
	"context"
	"errors"
	"fmt"

	"plumbline.dev/bus"
	"plumbline.dev/bus/internal/pull"
)

// discardWorkers is the number of messages discarded concurrently.
const discardWorkers = 16

// Discard acknowledges all pending messages of a consumer without reading them, and returns their number. It ends
// when no message is pending, or with the first error.
func Discard(ctx context.Context, c *bus.Conn, stream, consumer string) (n int, err error) {
	p, err := open(c, stream, consumer)
	if err != nil {
		return 0, err
	}
	defer p.Drain(c.Background)
	for {
		got, err := discardSome(ctx, c, p)
		n += got
		if err != nil {
			return n, fmt.Errorf("discard the messages of consumer %s on %s: %w", consumer, stream, err)
		}
		if got == 0 {
			return n, nil
		}
	}
}

func discardSome(ctx context.Context, c *bus.Conn, p *pull.Requests) (n int, err error) {
	var open []*pull.Request
	defer func() {
		for _, r := range open {
			r.End()
		}
	}()
	for range discardWorkers {
		r, err := p.SendNoWait(1)
		if err != nil {
			return 0, err
		}
		open = append(open, r)
	}
	for _, r := range open {
		m, err := r.Read(ctx)
		if errors.Is(err, pull.ErrEnded) {
			continue
		}
		if err != nil {
			return n, err
		}
		d, err := pull.NewDelivery(c.NATS(), m)
		if err == nil {
			err = d.Ack(ctx)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
