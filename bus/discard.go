package bus

import (
	"context"
	"errors"
	"fmt"
)

// discardWorkers is the number of messages discarded concurrently.
const discardWorkers = 16

// Discard acknowledges all pending messages of a consumer without reading them, and returns their number. It ends
// when no message is pending, or with the first error.
func (c *Conn) Discard(ctx context.Context, stream, consumer string) (n int, err error) {
	p, err := c.pulls(stream, consumer)
	if err != nil {
		return 0, err
	}
	defer p.drain(c)
	for {
		got, err := c.discardSome(ctx, p)
		n += got
		if err != nil {
			return n, fmt.Errorf("discard the messages of consumer %s on %s: %w", consumer, stream, err)
		}
		if got == 0 {
			return n, nil
		}
	}
}

func (c *Conn) discardSome(ctx context.Context, p *pulls) (n int, err error) {
	var open []*pull
	defer func() {
		for _, r := range open {
			r.end()
		}
	}()
	for range discardWorkers {
		r, err := p.send(pullRequest{Batch: 1, NoWait: true})
		if err != nil {
			return 0, err
		}
		open = append(open, r)
	}
	for _, r := range open {
		m, err := r.read(ctx)
		if errors.Is(err, errPullEnded) {
			continue
		}
		if err != nil {
			return n, err
		}
		d, err := newDelivery(c.nc, m)
		if err == nil {
			err = d.ack(ctx)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
