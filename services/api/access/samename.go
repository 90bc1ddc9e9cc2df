package access

import (
	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/catalog"
)

// Messages about another resource with the same name.

func (s *API) sameApplicationName(c *v4.Call, app *proto.Application) []v4.Notice {
	return resource.SameName("application", app.Name, app.ID, resource.Items(s.index.account(c.Account).apps.All(),
		func(o catalog.Record[proto.Application]) string { return c.Visible(o.Value.Zone, o.Value.Name) }))
}

func (s *API) sameServiceTokenName(c *v4.Call, t *proto.ServiceToken) []v4.Notice {
	return resource.SameName("service token", t.Name, t.ID, resource.Items(s.store.Tokens.List(c.Account),
		func(o store.ServiceToken) string { return c.Visible(o.Value.Zone, o.Value.Name) }))
}
