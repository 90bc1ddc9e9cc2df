package store

import (
	"context"
	"errors"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// A destination, or the one-time PIN, may belong to only one resource of an account. A handler checks the resources
// before it writes. Two handlers that write at the same moment, at one replica or two, would not see each other's
// resource. So each writes a reservation together with the resource, at the revision that the reservation had before
// the check. The bucket rejects the second write, and its handler checks again.
//
// A reservation has no value and is never deleted; without its resource it blocks nothing.

// Reserve returns the reservations of some names, for a write. The caller must check the resources afterwards.
func (s *Store) Reserve(ctx context.Context, a proto.Account, things []string) ([]Write, error) {
	reservations := make([]Write, len(things))
	for n, what := range things {
		key := topology.ConfigKey(a, topology.KindReservation, topology.ReservationID(a, what))
		m, err := s.Conn.Last(ctx, topology.BucketStream(topology.Config), topology.BucketSubject(topology.Config, key))
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return nil, err
		}
		if reservations[n] = (Write{Key: key, Reservation: true}); err == nil {
			reservations[n].Prior.Revision = m.Seq
		}
	}
	return reservations, nil
}
