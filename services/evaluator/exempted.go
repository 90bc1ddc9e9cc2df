package evaluator

import (
	lru "github.com/hashicorp/golang-lru/v2"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// exempted remembers the pages of exemptions, which their deletion does not name. It is safe for concurrent use.
type exempted struct {
	pages *lru.Cache[exemptionKey, topology.PageNumber]
}

type exemptionKey struct {
	account proto.Account
	id      proto.ID
}

func newExempted() *exempted {
	pages, _ := lru.New[exemptionKey, topology.PageNumber](proto.MaxExemptions) // an error is a size below 1
	return &exempted{pages: pages}
}

// changed notes a change of the configuration.
func (e *exempted) changed(c catalog.Change) {
	for _, v := range []any{c.Was, c.Is} {
		if x, ok := v.(*proto.Exemption); ok && x != nil {
			e.pages.Add(exemptionKey{c.Account, c.ID}, topology.PageNumber(x.Page))
		}
	}
}

func (e *exempted) page(a proto.Account, id proto.ID) (topology.PageNumber, bool) {
	return e.pages.Get(exemptionKey{a, id})
}
