package catalog

import (
	"slices"

	"plumbline.dev/proto"
)

// TakesLogins reports whether an application accepts logins by an identity provider: the provider exists, has a
// supported type, and is in the application's allowed_idps, if there are any. Sessions of other providers do not
// count.
func (c *Catalog) TakesLogins(app Record[proto.Application], provider proto.ID) bool {
	r, ok := c.IdentityProvider(app.Account, provider)
	return ok && Allows(app.Value, r.Value)
}

// Allows is [Catalog.TakesLogins] for an existing provider. Without allowed_idps, an application accepts each provider
// of the account and of its own zone: an administrator of another zone must not vouch for people.
func Allows(app *proto.Application, p *proto.IdentityProvider) bool {
	switch {
	case p.Type != proto.TypeOIDC:
		return false
	case len(app.Gate.IDPs) > 0:
		return slices.Contains(app.Gate.IDPs, p.ID)
	}
	return p.Zone.IsZero() || p.Zone == app.Zone
}
