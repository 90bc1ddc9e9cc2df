package store

import (
	"context"
	"errors"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Some things only one resource of an account may have: a destination, the one-time PIN. Who has them is what the
// resources say, and a look at them refuses whoever comes later. Of two who come at the same moment, at one
// replica or two, neither would see the other: so a claim is written together with the resource, at the revision
// that it had before the look. Whoever is second is refused by the bucket, and looks again.
//
// A claim holds nothing and is never taken back: one that is left over, of a resource that is gone, is in nobody's
// way.

// Reserve gives what claims some things, for a write. The look comes after it.
func (s *Store) Reserve(ctx context.Context, a proto.Account, things []string) ([]Write, error) {
	claims := make([]Write, len(things))
	for n, what := range things {
		key := topology.ConfigKey(a, topology.KindClaim, topology.ClaimID(a, what))
		m, err := s.Conn.Last(ctx, topology.BucketStream(topology.Config), topology.BucketSubject(topology.Config, key))
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return nil, err
		}
		if claims[n] = (Write{Key: key, Reservation: true}); err == nil {
			claims[n].Prior.Revision = m.Seq
		}
	}
	return claims, nil
}
