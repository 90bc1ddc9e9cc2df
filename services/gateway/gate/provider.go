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
	return ok && r.Value.Type == proto.TypeOIDC && AllowsProvider(app.Value, provider)
}

// AllowsProvider reports whether a provider is in an application's allowed_idps; without any, each is.
func AllowsProvider(app *proto.Application, provider proto.ID) bool {
	return len(app.Gate.IDPs) == 0 || slices.Contains(app.Gate.IDPs, provider)
}
