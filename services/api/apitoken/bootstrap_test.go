package apitoken_test

import (
	"testing"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/apitoken"
	"plumbline.dev/services/internal/credential"
)

func TestBootstrap(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, func(c *api.Config) { c.BootstrapToken = "" })
	token := credential.NewAPIToken()
	for _, want := range []bool{true, false} {
		if made, err := apitoken.Bootstrap(t.Context(), f.Conn, f.Clock, f.Account, token, ""); err != nil || made != want {
			t.Errorf("made %t, %v", made, err)
		}
	}
	key := topology.APITokenKey(f.Account, credential.Hash(token))
	revision, err := f.Conn.Get(t.Context(), topology.Tokens, key, new(proto.APIToken))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Conn.Delete(t.Context(), topology.Tokens, key, revision); err != nil {
		t.Fatal(err)
	}
	if made, err := apitoken.Bootstrap(t.Context(), f.Conn, f.Clock, f.Account, token, ""); err != apitoken.ErrRevoked ||
		made {
		t.Errorf("a revoked token: %t, %v", made, err)
	}
	f.Config.BootstrapToken = token
	// A replica starts nevertheless.
	if status, _ := f.At(f.Replica()).Status(token, "GET", f.Path("/access/apps")); status != 403 {
		t.Errorf("a revoked token is valid again: %d", status)
	}
	if _, err := apitoken.Bootstrap(t.Context(), f.Conn, f.Clock, f.Account, "short", ""); err == nil {
		t.Error("a token of the wrong form is accepted")
	}
}
