package stack

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/services/plumb/datadir"
)

// PartiesDir is the directory below Files.Dir with a directory of files for each party. A container mounts only its own
// directory, so it sees no other party's secrets.
const PartiesDir = "parties"

// A handout is a file for a party, and its name in the party's directory.
type handout struct{ party, name, from string }

// handouts returns every handout: NATS credentials for every role but followers, and
//
//	nats/auth.conf
//	fetcher/identity, evaluator/identity, exchange/identity, gateway/identity, dispatcher/identity
//	gateway/session-key
//	api/seal-to, api/seal-to-gateway, api/seal-to-dispatcher, api/account-id, api/bootstrap-token
//	client/account-id, client/api-token               for plumb, as a client of the API
func handouts(d datadir.Dir) []handout {
	all := []handout{
		{"nats", "auth.conf", filepath.Join(string(d), "nats", "auth.conf")},
		{"fetcher", "identity", d.IdentityPath("fetcher")},
		{"evaluator", "identity", d.IdentityPath("evaluator")},
		{"exchange", "identity", d.IdentityPath("exchange")},
		{"gateway", "identity", d.IdentityPath("gateway")},
		{"dispatcher", "identity", d.IdentityPath("dispatcher")},
		{"gateway", "session-key", d.SessionKeyPath()},
		{"api", "seal-to", d.RecipientPath("fetcher")},
		{"api", "seal-to-gateway", d.RecipientPath("gateway")},
		{"api", "seal-to-dispatcher", d.RecipientPath("dispatcher")},
		{"api", "account-id", d.AccountPath()},
		{"api", "bootstrap-token", d.TokenPath()},
		{"client", "account-id", d.AccountPath()},
		{"client", "api-token", d.TokenPath()},
	}
	for _, role := range topology.Roles() {
		if role == topology.Follower {
			continue
		}
		all = append(all, handout{string(role), "nats.creds", filepath.Join(string(d), "creds", string(role)+".creds")})
	}
	return all
}

// handOut copies each party's files. A party's directory may be a mount point: it is created if it is missing, and
// never replaced.
func handOut(d datadir.Dir) error {
	for _, h := range handouts(d) {
		data, err := os.ReadFile(h.from)
		if err != nil {
			return fmt.Errorf("hand out: %w", err)
		}
		path := filepath.Join(string(d), PartiesDir, h.party, h.name)
		there, err := os.ReadFile(path)
		if err == nil && bytes.Equal(there, data) {
			continue
		}
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = creds.WriteSecret(path, data)
		}
		if err != nil {
			return fmt.Errorf("hand out: %w", err)
		}
	}
	return nil
}
