package servicetoken_test

import (
	"fmt"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/apitest"
)

// storedToken reads a service token from the bucket.
func storedToken(f *apitest.Fixture, clientID any) proto.ServiceToken {
	f.T.Helper()
	key, err := topology.ServiceTokenKey(f.Account, fmt.Sprint(clientID))
	if err != nil {
		f.T.Fatal(err)
	}
	var t proto.ServiceToken
	if _, err := f.Conn.Get(f.T.Context(), topology.Tokens, key, &t); err != nil {
		f.T.Fatal(err)
	}
	return t
}
