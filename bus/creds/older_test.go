package creds_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// older makes an authority's file what it was before zones, and returns an operator's credentials of that time.
func older(t *testing.T, dir string) (file []byte) {
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
	delete(seeds, "zones")
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
	claims.Name = string(topology.Operator)
	p := topology.PermissionsOf(topology.Operator)
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
