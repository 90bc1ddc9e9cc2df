package identity

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/posture"
	"plumbline.dev/services/internal/policy"
)

// Using returns the applications with a policy that uses a check, by check, in the order of the applications.
func (s *API) Using(a proto.Account) map[proto.ID][]posture.Application {
	all := map[proto.ID][]posture.Application{}
	for _, app := range s.store.Catalog.Applications(a) {
		for _, check := range policy.Checks(s.rules.Of(app)) {
			all[check] = append(all[check], posture.Application{ID: app.Value.ID, Name: app.Value.Name})
		}
	}
	return all
}
