package posture

import (
	"context"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Outcomes returns the current outcomes of checks on a page, as a function of an active device and the index of a
// check. The outcome is unknown if the check does not exist or is not evaluated, or if no entry has the device or the
// check. It reads one entry for each integration of the checks.
func (s *API) Outcomes(ctx context.Context, a proto.Account, page topology.PageNumber,
	checks []proto.ID) (func(device proto.ID, check int) proto.Outcome, error) {
	type column struct {
		entry *proto.Entry // nil: always unknown
		rows  map[proto.ID]int
		at    int
	}
	entries, rows := map[proto.ID]*proto.Entry{}, map[proto.ID]map[proto.ID]int{}
	columns := make([]column, len(checks))
	for n, id := range checks {
		r, found := s.store.Catalog.Check(a, id)
		if !found || !s.IsPolled(a, r.Value) {
			continue
		}
		integration := r.Value.Integration
		if entries[integration] == nil {
			e, err := s.Entry(ctx, topology.PageRef{Account: a, Integration: integration, Page: page}, nil)
			if err != nil {
				return nil, err
			}
			entries[integration], rows[integration] = e, make(map[proto.ID]int, len(e.Results))
			for i := range e.Results {
				rows[integration][e.Results[i].Device] = i
			}
		}
		e := entries[integration]
		if at := slices.IndexFunc(e.Checks, func(c proto.CheckRef) bool { return c.ID == id }); at >= 0 {
			columns[n] = column{e, rows[integration], at}
		}
	}
	return func(device proto.ID, check int) proto.Outcome {
		c := columns[check]
		if row, found := c.rows[device]; found {
			return c.entry.Results[row].Verdicts[c.at].Outcome
		}
		return proto.OutcomeUnknown
	}, nil
}
