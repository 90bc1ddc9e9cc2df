package organization_test

import (
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

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
