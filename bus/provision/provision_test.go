package provision

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"plumbline.dev/bus/servererr"
)

// Requests that fail until the servers of a cluster have found each other are retried for a minute; rejected ones are
// not.
func TestProvisioningIsPatientWithAClusterThatStarts(t *testing.T) {
	answer := func(code jetstream.ErrorCode) error {
		return fmt.Errorf("nats: %w", &jetstream.APIError{Code: 503, ErrorCode: code})
	}
	for _, c := range []struct {
		err    error
		passes bool
	}{
		{answer(servererr.NoPeers), true}, {answer(servererr.NotAvailable), true}, {answer(servererr.NotEnabled), true},
		{nats.ErrNoResponders, true}, {nats.ErrTimeout, true}, {context.DeadlineExceeded, true},
		{answer(servererr.InsufficientStorage), false}, {answer(10074), false}, {errors.New("other"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			err := patiently(t.Context(), settled, func(ctx context.Context) error {
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
			if err := patiently(t.Context(), settled, func(context.Context) error { return c.err }); !errors.Is(err, c.err) {
				t.Errorf("%v became %v", c.err, err)
			}
			if took := time.Since(begin); c.passes != (took > settled-time.Second) || took > settled+time.Second {
				t.Errorf("%v: gave up after %v", c.err, took)
			}
			ctx, cancel := context.WithCancel(t.Context())
			err = patiently(ctx, settled, func(context.Context) error { cancel(); return c.err })
			if !errors.Is(err, c.err) {
				t.Errorf("%v became %v when nobody waits any more", c.err, err)
			}
		})
	}
}

// A stream's size limit is halved until it fits on the disks, also in a cluster, which returns another error than a
// single server. A starting cluster returns that error before it knows its servers' disks; this must not lower the
// limit.
func TestABoundIsHalvedUntilItFits(t *testing.T) {
	const room = 3 << 30
	answer := func(code jetstream.ErrorCode, text string) error {
		return &jetstream.APIError{Code: 400, ErrorCode: code, Description: text}
	}
	one := answer(servererr.InsufficientStorage, "insufficient storage resources available")
	cluster := answer(servererr.NoPeers, "no suitable peers for placement, insufficient storage")
	offline := answer(servererr.NoPeers, "no suitable peers for placement, peer offline")
	for _, c := range []struct {
		what    string
		answer  error
		unknown time.Duration // how long the servers' disks are unknown
		room    int64
		want    int64
	}{
		{"one server", one, 0, room, 20 << 30 / 8},
		{"a cluster", cluster, 0, room, 20 << 30 / 8},
		{"a cluster that starts", cluster, 50 * time.Second, 100 << 30, 20 << 30},
		{"a cluster without servers", offline, 0, room, 0},
		{"a full disk", cluster, 0, minBytes - 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			begin, got := time.Now(), int64(0)
			p := &provisioner{log: slog.New(slog.DiscardHandler)}
			err := p.provisionStream(t.Context(), jetstream.StreamConfig{Name: "LOG", MaxBytes: 20 << 30},
				func(_ context.Context, cfg jetstream.StreamConfig) error {
					if time.Since(begin) < c.unknown || cfg.MaxBytes > c.room {
						return c.answer
					}
					got = cfg.MaxBytes
					return nil
				})
			if got != c.want || (err == nil) != (c.want > 0) {
				t.Errorf("%s: bounded by %d, want %d; %v", c.what, got, c.want, err)
			}
			if took := time.Since(begin); took > 2*settled {
				t.Errorf("%s: took %v", c.what, took)
			}
		})
	}
}
