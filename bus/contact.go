package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/internal/quorum"
	"plumbline.dev/bus/servererr"
)

const (
	// cutOffAfter is how long the connected server may fail to reach the leaders of streams before another server is
	// tried. Elections of leaders usually take less.
	cutOffAfter = 8 * time.Second
	// heardWithin is the longest time since a leader's last contact with a majority for its server to count as part
	// of the cluster.
	heardWithin = 5 * time.Second
)

// contact records since when requests to the leaders of streams have failed. A server without a route to the others
// answers pings, and reads from its own replicas: only writes and questions to leaders show that it is cut off. It is
// safe for concurrent use.
type contact struct {
	mu   sync.Mutex
	lost time.Time // zero if the last request was answered
}

// reached records the outcome of a request to a leader, and connects to another server if none was reached for
// [cutOffAfter].
func (c *Conn) reached(err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	now, t := time.Now(), &c.contact
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case !isOutOfReach(err):
		t.lost = time.Time{}
	case t.lost.IsZero():
		t.lost = now
	case now.Sub(t.lost) >= cutOffAfter:
		t.lost = time.Time{}
		go c.changeServer()
	}
}

// isOutOfReach reports whether err means that the connected server knows no leader, or one without a majority.
func isOutOfReach(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode == servererr.NotAvailable
	}
	return isUnanswered(err) || errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrNoStreamResponse) ||
		errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, quorum.ErrNone)
}
