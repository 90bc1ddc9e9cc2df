package bus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
)

func TestAwaitWaitsForTheBusOnly(t *testing.T) {
	t.Parallel()
	conn := bustest.Start(t).Conn(topology.Operator)
	other := errors.New("another reason")
	for name, c := range map[string]struct {
		first error
		calls int
		want  error
	}{
		"answered":            {nil, 1, nil},
		"another reason":      {other, 1, other},
		"a conflict":          {bus.ErrConflict, 1, bus.ErrConflict},
		"a timeout":           {nats.ErrTimeout, 2, nil},
		"nobody answers":      {fmt.Errorf("read: %w", nats.ErrNoResponders), 2, nil},
		"no stream answers":   {jetstream.ErrNoStreamResponse, 2, nil},
		"JetStream is late":   {&jetstream.APIError{Code: 503, ErrorCode: 10008}, 2, nil},
		"a request of 10 s":   {context.DeadlineExceeded, 2, nil},
		"JetStream denies it": {&jetstream.APIError{Code: 400, ErrorCode: 10003}, 1, &jetstream.APIError{Code: 400, ErrorCode: 10003}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			err := conn.Await(t.Context(), name, func(context.Context) error {
				if calls++; calls == 1 {
					return c.first
				}
				return nil
			})
			if calls != c.calls || (c.want == nil) != (err == nil) || (c.want != nil && !errors.Is(err, c.want)) {
				t.Errorf("called %d times, %v; want %d times, %v", calls, err, c.calls, c.want)
			}
		})
	}
}
