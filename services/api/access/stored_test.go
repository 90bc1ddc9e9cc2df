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
