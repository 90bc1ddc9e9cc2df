package posture_test

import (
	"filippo.io/age"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/internal/seal"
)

// secretOf returns the secret of an integration, opened as a fetcher does.
func secretOf(f *apitest.Fixture, i proto.Integration) string {
	f.T.Helper()
	b, err := seal.Open([]age.Identity{f.Identity}, i.ID.String(), i.SealedSecret)
	if err != nil {
		f.T.Fatal(err)
	}
	return string(b)
}

// storedIntegration reads an integration from the bucket.
func storedIntegration(f *apitest.Fixture, id string) proto.Integration {
	f.T.Helper()
	var i proto.Integration
	parsed, err := proto.ParseID(id)
	if err != nil {
		f.T.Fatal(err)
	}
	if _, err := f.Conn.Get(f.T.Context(), topology.Config,
		topology.ConfigKey(f.Account, topology.KindIntegration, parsed), &i); err != nil {
		f.T.Fatal(err)
	}
	return i
}
