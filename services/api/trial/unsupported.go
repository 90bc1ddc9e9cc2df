package trial

import (
	"context"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/evaluator/trial"
)

// tryUnsupported tries a check of a type that is stored and not evaluated: every device of the inventory is unknown.
func (s *API) tryUnsupported(ctx context.Context, e *edit, t *tried) error {
	if err := s.Device.Fresh(ctx); err != nil {
		return err
	}
	for _, page := range s.Device.Inventory.PagesOf(e.account, func(proto.ID, uint32) bool { return true }) {
		record, err := s.Device.Page(ctx, e.account, page)
		if err != nil {
			return err
		}
		ids := make([]proto.ID, len(record.Devices))
		for i := range record.Devices {
			ids[i] = record.Devices[i].ID
		}
		var today *proto.Entry
		if integration, is := e.today(); is {
			m, err := s.newestEntry(ctx, topology.PageRef{Account: e.account, Integration: integration, Page: page})
			if err != nil {
				return err
			}
			if m != nil {
				today = s.decode(m, t)
			}
		}
		counts, flips := trial.Unsupported(e.check.ID, ids, today, e.old != nil)
		t.add(page, &counts, flips)
	}
	return nil
}
