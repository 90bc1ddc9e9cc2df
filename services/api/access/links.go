package access

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// An application's policies are links with a precedence each. A link leads to a reusable policy, or to a policy that
// the application owns and that is deleted with it (api/README.md 3.5).

// policyItem is one item of the policies member: an id, a policy, or both.
type policyItem struct {
	id         proto.ID // zero: a new policy
	precedence int
	body       v4.Object // nil: only a link
}

// readItems reads the policies member. A missing precedence is that of the previous item plus one.
func readItems(raw json.RawMessage) ([]policyItem, error) {
	var sent []json.RawMessage
	if json.Unmarshal(raw, &sent) != nil {
		return nil, v4.Invalid("policies must be a list")
	}
	items := make([]policyItem, 0, len(sent))
	used := map[int]bool{}
	last := 0
	for n, one := range sent {
		item, err := readItem(n, one)
		if err != nil {
			return nil, err
		}
		if item.precedence == 0 {
			item.precedence = last + 1
		}
		if last = item.precedence; used[last] {
			return nil, v4.Invalid("policy precedences must be unique")
		}
		used[last] = true
		for _, other := range items {
			if !item.id.IsZero() && other.id == item.id {
				return nil, v4.Invalid("policies[%d]: duplicate policy", n)
			}
		}
		items = append(items, item)
	}
	slices.SortStableFunc(items, func(a, b policyItem) int { return cmp.Compare(a.precedence, b.precedence) })
	return items, nil
}

// maxPrecedence bounds precedences.
const maxPrecedence = 1 << 30

func readItem(n int, raw json.RawMessage) (policyItem, error) {
	var item policyItem
	var id string
	var body v4.Object
	if json.Unmarshal(raw, &id) != nil || v4.IsNull(raw) {
		if json.Unmarshal(raw, &body) != nil || body == nil {
			return item, v4.Invalid("policies[%d] must be the id of a policy, or a policy", n)
		}
		var err error
		if id, err = body.Text("id"); err != nil {
			return item, v4.Invalid("policies[%d].id must be a string", n)
		}
		if item.precedence, _, err = body.Int("precedence", 1, maxPrecedence); err != nil {
			return item, v4.Invalid("policies[%d].precedence must be a whole number from 1", n)
		}
		if body.Has("include") || id == "" {
			item.body = body
		}
	}
	if id != "" || body == nil {
		parsed, err := proto.ParseID(id)
		if err != nil || parsed.IsZero() {
			return item, v4.Invalid("policies[%d]: no such policy", n)
		}
		item.id = parsed
	}
	return item, nil
}

// linkPlan holds the changes that saving an application's policies requires.
type linkPlan struct {
	links []proto.PolicyLink
	write []policyWrite
	drop  []*store.Item[catalog.Record[proto.Policy]] // owned and no longer linked
}

type policyWrite struct {
	policy proto.Policy
	prior  store.Prior
}

// plan turns items into links. An inline policy replaces the policy of the same name that the application owns, if
// there is one: clients that send policies without ids would otherwise create new ones at every save.
func (s *API) plan(a proto.Account, app proto.ID, items []policyItem, now proto.Millis) (linkPlan, error) {
	var p linkPlan
	owned := s.index.OwnedBy(a, app)
	linked := map[proto.ID]bool{}
	for _, item := range items {
		linked[item.id] = true
	}
	for n, item := range items {
		var old catalog.Record[proto.Policy]
		if item.id.IsZero() {
			name, _ := item.body.Text("name")
			for _, o := range owned {
				if !linked[o.ID] && o.Value.Value.Name == name {
					old = o.Value
					break
				}
			}
		} else {
			var found bool
			if old, found = s.store.Catalog.Policy(a, item.id); !found {
				return p, v4.Invalid("policies[%d]: no such policy", n)
			}
			if !old.Value.Owner.IsZero() && old.Value.Owner != app {
				return p, v4.Invalid("policies[%d] belongs to another application: only reusable policies can be linked", n)
			}
		}
		policy := proto.Policy{ID: proto.NewID(), Owner: app, CreatedAt: now}
		if old.Value != nil {
			policy.ID, policy.CreatedAt = old.Value.ID, old.Value.CreatedAt
		}
		linked[policy.ID] = true
		p.links = append(p.links, proto.PolicyLink{Policy: policy.ID, Precedence: item.precedence})
		if item.body == nil || old.Value != nil && old.Value.Owner.IsZero() {
			continue // a reusable policy can only be changed at its own endpoint
		}
		if err := s.checkedPolicy(a, item.body, &policy); err != nil {
			return p, err
		}
		if policy.UpdatedAt = now; old.Value != nil && samePolicy(old.Value, &policy) {
			continue
		}
		p.write = append(p.write, policyWrite{policy, store.PriorOf(old)})
	}
	for _, o := range owned {
		if !linked[o.ID] {
			p.drop = append(p.drop, o)
		}
	}
	return p, nil
}

func samePolicy(a, b *proto.Policy) bool {
	return bytes.Equal(a.Sent, b.Sent) && accessrule.Same(a.Include, b.Include) && accessrule.Same(a.Exclude, b.Exclude) &&
		accessrule.Same(a.Require, b.Require)
}

// save stores an application with its policies and reservations, all or nothing.
func (s *API) save(ctx context.Context, a proto.Account, app *proto.Application, p linkPlan, prior store.Prior,
	reservations ...store.Write) (uint64, error) {
	all := reservations
	for n := range p.write {
		w := &p.write[n]
		all = append(all, store.ConfigWrite(a, topology.KindPolicy, w.policy.ID, &w.policy, w.prior))
	}
	all = append(all, deletions(a, p.drop)...)
	return s.store.Commit(ctx, a, topology.Config,
		append(all, store.ConfigWrite(a, topology.KindApplication, app.ID, app, prior))...)
}

// deletions returns the writes to delete policies.
func deletions(a proto.Account, policies []*store.Item[catalog.Record[proto.Policy]]) []store.Write {
	all := make([]store.Write, len(policies))
	for n, o := range policies {
		all[n] = store.ConfigWrite(a, topology.KindPolicy, o.ID, nil, store.PriorOf(o.Value))
	}
	return all
}

// viewLinks returns the policies of an application, expanded and ordered by precedence, and the unsupported parts of
// them.
func (s *API) viewLinks(a proto.Account, links []proto.PolicyLink) (views []json.RawMessage, unsupported []string) {
	views = []json.RawMessage{}
	for _, link := range links {
		if p, found := s.store.Catalog.Policy(a, link.Policy); found {
			views = append(views, s.ViewPolicy(a, p.Value, link.Precedence))
			unsupported = v4.Union(unsupported, s.unsupportedPolicy(a, p.Value))
		}
	}
	return views, unsupported
}
