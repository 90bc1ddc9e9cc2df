package provider_test

import (
	"filippo.io/age"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/internal/seal"
)

// storedProvider reads an identity provider from the bucket.
func storedProvider(f *apitest.Fixture, id any) proto.IdentityProvider {
	f.T.Helper()
	var p proto.IdentityProvider
	key := topology.ConfigKey(f.Account, topology.KindIDP, apitest.ParseID(id))
	if _, err := f.Conn.Get(f.T.Context(), topology.Config, key, &p); err != nil {
		f.T.Fatal(err)
	}
	return p
}

// providerSecret returns the secret of a provider, opened as a gateway does; empty if it has none.
func providerSecret(f *apitest.Fixture, id any) string {
	f.T.Helper()
	p := storedProvider(f, id)
	if len(p.SealedSecret) == 0 {
		return ""
	}
	secret, err := seal.Open([]age.Identity{f.Identity}, p.ID.String(), p.SealedSecret)
	if err != nil {
		f.T.Fatal(err)
	}
	return string(secret)
}
