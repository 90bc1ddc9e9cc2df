package fetcher

import (
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// reports keeps the log readable: if all pages of a tick fail, the first failure is logged.
type reports struct {
	mu     sync.Mutex
	logged map[proto.ID]uint64 // by integration, the newest tick with a logged failure
}

func (r *reports) first(of proto.ID, tick uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tick <= r.logged[of] {
		return false
	}
	if r.logged == nil {
		r.logged = map[proto.ID]uint64{}
	}
	r.logged[of] = tick
	return true
}

func (r *reports) forget(of proto.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.logged, of)
}

// report counts the result of a call, and logs a failure once for each tick.
func (s *Service) report(page topology.PageRef, rec catalog.Record[proto.Integration], in *proto.Input) {
	s.metrics.polled(page.Integration, in)
	if in.Poll.Error != proto.ReasonNone && s.reports.first(page.Integration, in.Tick) {
		s.log.Warn("a poll failed; other pages of the same tick may have, too", "account", page.Account, "integration",
			page.Integration, "name", rec.Value.Name, "tick", in.Tick, "page", page.Page, "reason", in.Poll.Error, "status",
			in.Poll.Status, "attempts", in.Poll.Attempts, "took", in.Poll.Took, "detail", in.Poll.Detail)
	}
}
