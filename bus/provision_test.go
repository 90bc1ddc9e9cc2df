package bus

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a cluster cannot do before its servers have found each other is tried again, for a minute; what it
// refuses is refused.
func TestProvisioningIsPatientWithAClusterThatStarts(t *testing.T) {
	answer := func(code jetstream.ErrorCode) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: 503, ErrorCode: code})
	}
	for _, c := range []struct {
		err    error
		passes bool
	}{
		{answer(codeNoPeers), true}, {answer(codeNotAvailable), true}, {answer(codeNotEnabled), true},
		{nats.ErrNoResponders, true}, {nats.ErrTimeout, true}, {context.DeadlineExceeded, true},
		{answer(codeInsufficientStorage), false}, {answer(10074), false}, {errors.New("other"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := patiently(t.Context(), func(ctx context.Context) error {
				if end, ok := ctx.Deadline(); !ok || time.Until(end) > oneAttempt {
					t.Errorf("an attempt may last until %v", end)
				}
				if calls++; calls < 4 {
					return c.err
				}
				return nil
			})
			if (err == nil) != c.passes || c.passes != (calls == 4) {
				t.Errorf("%v: %v after %d calls", c.err, err, calls)
			}
			begin := time.Now()
			if err := patiently(t.Context(), func(context.Context) error { return c.err }); !errors.Is(err, c.err) {
				t.Errorf("%v became %v", c.err, err)
			}
			if took := time.Since(begin); c.passes != (took > settled-time.Second) || took > settled+time.Second {
				t.Errorf("%v: gave up after %v", c.err, took)
			}
			ctx, cancel := context.WithCancel(t.Context())
			err = patiently(ctx, func(context.Context) error { cancel(); return c.err })
			if !errors.Is(err, c.err) {
				t.Errorf("%v became %v when nobody waits any more", c.err, err)
			}
		})
	}
}
