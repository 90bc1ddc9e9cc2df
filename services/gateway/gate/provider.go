package gate

import (
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
)

// TakesLogins reports whether people log in to an application by an identity provider: the provider exists, is of a
// type that is served, and is in the application's allowed_idps, if there are any. A session counts only as long.
func TakesLogins(c *catalog.Catalog, app Application, provider proto.ID) bool {
	r, ok := c.IdentityProvider(app.Account, provider)
	return ok && Allows(app.Value, r.Value)
}

// Allows is [TakesLogins] for a provider that exists. Without allowed_idps, an application takes logins by each provider
// of the account, and by those of its own zone: whoever may write in another zone says nothing about who people are.
func Allows(app *proto.Application, p *proto.IdentityProvider) bool {
	switch {
	case p.Type != proto.TypeOIDC:
		return false
	case len(app.Gate.IDPs) > 0:
		return slices.Contains(app.Gate.IDPs, p.ID)
	}
	return p.Zone.IsZero() || p.Zone == app.Zone
}
