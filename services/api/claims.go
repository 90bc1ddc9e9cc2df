package api

import (
	"context"
	"errors"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
)

// Some things only one resource of an account may have: a destination, the one-time PIN. Who has them is what the
// resources say, and a look at them refuses whoever comes later. Of two who come at the same moment, at one
// replica or two, neither would see the other: so a claim is written together with the resource, at the revision
// that it had before the look. Whoever is second is refused by the bucket, and looks again.
//
// A claim holds nothing and is never taken back: one that is left over, of a resource that is gone, is in nobody's
// way.

// claim gives what claims some things, for a write. The look comes after it.
func (s *Service) claim(ctx context.Context, a proto.Account, things []string) ([]keyed, error) {
	claims := make([]keyed, len(things))
	for n, what := range things {
		key := topology.ConfigKey(a, topology.KindClaim, topology.ClaimID(a, what))
		m, err := s.conn.Last(ctx, topology.BucketStream(topology.Config), topology.BucketSubject(topology.Config, key))
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return nil, err
		}
		if claims[n] = (keyed{key: key, claim: true}); err == nil {
			claims[n].expect = m.Seq
		}
	}
	return claims, nil
}

// newDestinations are those that an application did not have before: what it had is its own until it is written.
func newDestinations(app, old *proto.Application) []string {
	var had []string
	if old != nil {
		had = claimedBy(old)
	}
	return slices.DeleteFunc(claimedBy(app), func(d string) bool { return slices.Contains(had, d) })
}

// claimedBy are the destinations of an application, each in the one form that it has.
func claimedBy(app *proto.Application) []string {
	var all []string
	for _, d := range app.Domains {
		if p, err := appmatch.Parse(d); err == nil {
			all = append(all, p.String())
		}
	}
	return all
}
