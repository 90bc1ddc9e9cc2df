package creds_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// older restores the state of an authority's file with only the given zones beside the pipeline's account. It returns a
// role's credentials from that time, when all roles shared the account.
func older(t *testing.T, dir string, role topology.Role, had ...topology.Zone) (file []byte) {
	t.Helper()
	path := filepath.Join(dir, "authority.json")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var seeds map[string]any
	if err := json.Unmarshal(data, &seeds); err != nil {
		t.Fatal(err)
	}
	zones, _ := seeds["zones"].(map[string]any)
	for name := range zones {
		if !slices.Contains(had, topology.Zone(name)) {
			delete(zones, name)
		}
	}
	delete(seeds, "since")
	if data, err = json.Marshal(seeds); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	account, err := nkeys.FromSeed([]byte(seeds["account"].(string)))
	if err != nil {
		t.Fatal(err)
	}
	user, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := user.PublicKey()
	claims := jwt.NewUserClaims(id)
	claims.Name = string(role)
	p := topology.PermissionsOf(role)
	if p.Respond {
		claims.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: time.Minute}
	}
	claims.Pub.Allow, claims.Sub.Allow = p.Publish, p.Subscribe
	token, err := claims.Encode(account)
	if err != nil {
		t.Fatal(err)
	}
	seed, _ := user.Seed()
	if file, err = jwt.FormatUserConfig(token, seed); err != nil {
		t.Fatal(err)
	}
	return file
}
