package access

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// TestedPolicies reads the policies of a policy test from the member policies, in order of evaluation. An id stands for
// a stored policy, reusable or of an application. A whole policy need not be stored; with an id, it stands for a change
// of the policy with this id.
func (s *API) TestedPolicies(a proto.Account, body v4.Object) ([]proto.Policy, error) {
	if !body.Has("policies") {
		return nil, nil
	}
	items, err := readItems(body["policies"])
	if err != nil {
		return nil, err
	}
	all := make([]proto.Policy, len(items))
	for n, item := range items {
		if !item.id.IsZero() {
			stored, found := s.store.Catalog.Policy(a, item.id)
			if !found {
				return nil, v4.Invalid("policies[%d]: no such policy", n)
			}
			all[n] = *stored.Value
		}
		if item.body == nil {
			continue
		}
		all[n] = proto.Policy{ID: item.id}
		if err := s.checkedPolicy(a, item.body, &all[n]); err != nil {
			return nil, err
		}
	}
	return all, nil
}
