package overview

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// ExemptionEnd is an exemption that ended on a page, for one integration.
type ExemptionEnd struct {
	topology.PageRef
	At proto.Millis // of the page's newest entry: it ended then or before
}

// EndedExemptions returns the exemptions that ended on a page and have a record still, by id.
func (o *Overview) EndedExemptions() map[proto.ID][]ExemptionEnd {
	o.mu.RLock()
	defer o.mu.RUnlock()
	var all map[proto.ID][]ExemptionEnd
	for _, pages := range o.pages {
		for _, p := range pages {
			if p.Ended == "" {
				continue
			}
			ids, err := proto.ParseEndedExemptions(p.Ended)
			if err != nil {
				continue // of a later version
			}
			if all == nil {
				all = map[proto.ID][]ExemptionEnd{}
			}
			for _, id := range ids {
				all[id] = append(all[id], ExemptionEnd{p.PageRef, p.Summary.EvaluatedAt})
			}
		}
	}
	return all
}
