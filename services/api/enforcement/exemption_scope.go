package enforcement

import (
	"context"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// noticePassing returns a message if the device of a new exemption passes by itself: the evaluator ends it at once.
func (s *API) noticePassing(ctx context.Context, a proto.Account, x, _ *proto.Exemption) []v4.Notice {
	integrations := s.integrationsOf(a, x)
	for _, i := range integrations {
		e, err := s.posture.Entry(ctx, topology.PageRef{Account: a, Integration: i, Page: topology.PageNumber(x.Page)}, nil)
		if err != nil || !passes(e, x) {
			return nil
		}
	}
	if len(integrations) == 0 {
		return nil
	}
	return []v4.Notice{{Code: v4.CodePassesAlready,
		Message: "the device passes by itself now: an exemption ends as soon as its device passes, so this one ends at once"}}
}

// passes reports whether the device of an exemption passes each check that it covers, by its score.
func passes(e *proto.Entry, x *proto.Exemption) bool {
	row := slices.IndexFunc(e.Results, func(r proto.Result) bool { return r.Device == x.Device })
	covered := 0
	for n, c := range e.Checks {
		if !x.Covers(c.ID) {
			continue
		}
		if covered++; row < 0 {
			return false
		}
		if v := e.Results[row].Verdicts[n]; v.Outcome != proto.OutcomePass || v.Reason != proto.ReasonScore {
			return false
		}
	}
	return covered > 0
}

// integrationsOf returns the integrations with checks that an exemption covers.
func (s *API) integrationsOf(a proto.Account, x *proto.Exemption) (all []proto.ID) {
	if !x.Check.IsZero() {
		if check, found := s.store.Catalog.Check(a, x.Check); found {
			all = append(all, check.Value.Integration)
		}
		return all
	}
	for _, i := range s.store.Catalog.IntegrationsOf(a) {
		if len(s.store.Catalog.Checks(a, i.Value.ID)) > 0 {
			all = append(all, i.Value.ID)
		}
	}
	return all
}
