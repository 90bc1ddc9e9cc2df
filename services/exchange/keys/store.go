package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"filippo.io/age"
	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
)

// first is the number of the key that an installation begins with.
const first = 1

// Await gives the installation's signing key, and makes it where there is none: of exchanges that start
// together one creates it and the others read it. It waits while NATS does not answer; a key that none of
// the identities opens is an error at once.
func Await(ctx context.Context, conn *bus.Conn, identities []age.Identity, c clock.Clock) (*Key, error) {
	if err := conn.AwaitTopology(ctx, topology.BucketStream(topology.Keys)); err != nil {
		return nil, err
	}
	for {
		record, err := readOrCreate(ctx, conn, identities, c)
		switch {
		case err == nil:
			return open(record, identities)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("signing key: %w", context.Cause(ctx))
		case !bus.Transient(err) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, bus.ErrConflict):
			return nil, err
		}
		// Another was first, and a replica may not show its key at once; or NATS is away.
		select {
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func readOrCreate(ctx context.Context, conn *bus.Conn, identities []age.Identity, c clock.Clock) (*proto.SigningKey, error) {
	var record proto.SigningKey
	_, err := conn.Get(ctx, topology.Keys, topology.SigningKeyKey(first), &record)
	if err == nil || !errors.Is(err, bus.ErrNotFound) {
		return &record, err
	}
	to, err := seal.RecipientsOf(identities)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	made, err := generate(c.Now(), to)
	if err != nil {
		return nil, err
	}
	_, err = conn.Put(ctx, topology.Keys, topology.SigningKeyKey(first), made, 0)
	return made, err
}
