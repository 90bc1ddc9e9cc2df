package access_test

import (
	"filippo.io/age"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/internal/seal"
)

// storedApplication reads an application from the bucket.
func storedApplication(f *apitest.Fixture, id any) proto.Application {
	f.T.Helper()
	var a proto.Application
	key := topology.ConfigKey(f.Account, topology.KindApplication, apitest.ParseID(id))
	if _, err := f.Conn.Get(f.T.Context(), topology.Config, key, &a); err != nil {
		f.T.Fatal(err)
	}
	return a
}

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

// storedOrganization reads the organization from the bucket.
func storedOrganization(f *apitest.Fixture) proto.Organization {
	f.T.Helper()
	var o proto.Organization
	if _, err := f.Conn.Get(f.T.Context(), topology.Config,
		topology.ConfigKey(f.Account, topology.KindOrganization, topology.OrganizationID(f.Account)), &o); err != nil {
		f.T.Fatal(err)
	}
	return o
}
