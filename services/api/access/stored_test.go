package access_test

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
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
