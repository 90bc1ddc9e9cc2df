package posture

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
)

// sameIntegrationName returns a message if another integration has the same name.

func (s *API) sameIntegrationName(c *v4.Call, i *proto.Integration) []v4.Notice {
	return resource.SameName("integration", i.Name, i.ID, resource.Records(s.store.Catalog.IntegrationsOf(c.Account),
		func(o *proto.Integration) (proto.ID, string) { return o.ID, o.Name }))
}

func (s *API) sameRuleName(c *v4.Call, check *proto.Check) []v4.Notice {
	return resource.SameName("posture rule", check.Name, check.ID, resource.Records(s.store.Catalog.ChecksOf(c.Account),
		func(o *proto.Check) (proto.ID, string) { return o.ID, o.Name }))
}
