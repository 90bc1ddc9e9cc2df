package dispatcher

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
)

// extent is a stream as its leader reports it.
type extent struct {
	created     int64 // nanoseconds
	first, last uint64
}

// resumption is what a courier finds at the start.
type resumption int

const (
	resumeHere  resumption = iota // the stream has every message after the position
	resumeGap                     // messages after the position were deleted
	resumeOther                   // the stream is another one, or was set back: continue by time
)

// resume decides how a courier continues from a position.
func resume(p proto.DeliveryPosition, e extent) resumption {
	switch {
	case p.Created != e.created || p.Seq > e.last:
		return resumeOther
	case e.first > p.Seq+1:
		return resumeGap
	}
	return resumeHere
}

// extentOf asks a stream's leader for its extent.
func extentOf(ctx context.Context, c *bus.Conn, stream string) (extent, error) {
	p, err := c.Position(ctx, stream)
	if err != nil {
		return extent{}, err
	}
	e, err := c.Extent(ctx, stream)
	if err != nil {
		return extent{}, err
	}
	return extent{created: p.Created.UnixNano(), first: e.First, last: p.Last}, nil
}

// since returns the position before the first message of a filter that the stream stored at or after a time.
func since(ctx context.Context, c *bus.Conn, stream, filter string, at proto.Millis) (proto.DeliveryPosition, error) {
	e, err := extentOf(ctx, c, stream) // before the search, which misses no message up to e.last
	if err != nil {
		return proto.DeliveryPosition{}, err
	}
	p := proto.DeliveryPosition{Seq: e.last, Created: e.created, At: at}
	seq, err := c.FirstSince(ctx, stream, filter, at.Time())
	if err != nil {
		return p, err
	}
	if seq != 0 {
		p.Seq = min(p.Seq, seq-1)
	}
	return p, nil
}

// text is the position as messages show it.
func text(p proto.DeliveryPosition) string { return fmt.Sprintf("%d.%d", p.Seq, p.Created) }

// setBackWithin is how long a stream may end before a position until it counts as set back. Its leader may be newly
// elected, or the copy for followers may be read from the log again.
const setBackWithin = 30 * time.Second
