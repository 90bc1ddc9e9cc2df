package accessindex

import (
	"sync"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
)

// checkApplications caches the applications that each check decides about, until the configuration changes.
type checkApplications struct {
	mu sync.Mutex
	of map[proto.Account]countedChecks
}

type countedChecks struct {
	revision uint64
	checks   map[proto.ID]int
}

// CheckApplications returns how many applications have a policy with a rule about each check, directly or through
// groups. A check without any is absent. The caller must not change the result.
func (x *Index) CheckApplications(a proto.Account) map[proto.ID]int {
	revision := x.store.Catalog.RevisionOf(topology.KindApplication, topology.KindPolicy, topology.KindGroup)
	c := &x.checkApps
	c.mu.Lock()
	defer c.mu.Unlock()
	if got, there := c.of[a]; there && got.revision == revision {
		return got.checks
	}
	if c.of == nil {
		c.of = map[proto.Account]countedChecks{}
	}
	counted := countedChecks{revision, x.countCheckApplications(a)}
	c.of[a] = counted
	return counted.checks
}

// ids is a set of ids.
type ids map[proto.ID]bool

func (s ids) add(others ids) {
	for id := range others {
		s[id] = true
	}
}

func (x *Index) countCheckApplications(a proto.Account) map[proto.ID]int {
	groups := map[proto.ID]*proto.Group{}
	for _, r := range x.store.Catalog.Groups(a) {
		groups[r.Value.ID] = r.Value
	}
	ofGroup := map[proto.ID]ids{}
	var group func(id proto.ID) ids
	group = func(id proto.ID) ids {
		if known, there := ofGroup[id]; there {
			return known
		}
		all := ids{}
		ofGroup[id] = all // a group that includes itself adds nothing
		if g := groups[id]; g != nil {
			all.add(namedChecks(group, g.Include, g.Require, g.Exclude))
		}
		return all
	}
	ofPolicy, owned := map[proto.ID]ids{}, map[proto.ID]ids{}
	for _, r := range x.store.Catalog.Policies(a) {
		p := r.Value
		checks := namedChecks(group, p.Include, p.Require, p.Exclude)
		ofPolicy[p.ID] = checks
		if !p.Owner.IsZero() {
			if owned[p.Owner] == nil {
				owned[p.Owner] = ids{}
			}
			owned[p.Owner].add(checks)
		}
	}
	count := map[proto.ID]int{}
	for _, r := range x.store.Catalog.Applications(a) {
		checks := ids{}
		checks.add(owned[r.Value.ID])
		for _, link := range r.Value.Policies {
			checks.add(ofPolicy[link.Policy])
		}
		for id := range checks {
			count[id]++
		}
	}
	return count
}

// namedChecks returns the checks that rules name, directly or through groups.
func namedChecks(group func(proto.ID) ids, lists ...[]proto.Rule) ids {
	all := ids{}
	accessrule.Any(func(r proto.Rule) bool {
		switch r.Selector {
		case "device_posture":
			if id, ok := accessrule.ID(r, "integration_uid"); ok {
				all[id] = true
			}
		case "group":
			if id, ok := accessrule.ID(r, "id"); ok {
				all.add(group(id))
			}
		}
		return false
	}, lists...)
	return all
}
