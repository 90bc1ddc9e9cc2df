package bus

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// pullCheck is how often an iterator is made to see whether its request for messages is out. One that takes
// a message at a time asks for the next in Next only, and leaves it out where the goroutine that sent the last
// request has not yet said so (nats.go v1.55.0, checkPending): nothing would come for half a minute.
const pullCheck = 100 * time.Millisecond

// next is the iterator's next message, [jetstream.ErrMsgIteratorClosed] after its last, or the end of ctx.
func next(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	for {
		m, err := messages.Next(jetstream.NextMaxWait(pullCheck))
		if !errors.Is(err, nats.ErrTimeout) {
			return m, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}
