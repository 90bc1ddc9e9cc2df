package apitoken

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// sameName returns a message if another API token has the same name.

func (s *API) sameName(c *v4.Call, t *proto.APIToken) []v4.Notice {
	return resource.SameName("API token", t.Name, t.ID, func(yield func(proto.ID, string) bool) {
		for _, o := range s.store.Tokens.ListAPI(c.Account) {
			if !yield(o.Value.ID, o.Value.Name) {
				return
			}
		}
	})
}
