// Package stack prepares separate service processes: the files they start with, and the streams on their NATS servers.
package stack

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/plumb/datadir"
)

// Files describes the files to create.
type Files struct {
	Dir     string
	Account proto.Account // default: a new one
	// UID and GID own the files, unless they are negative: the user of the containers.
	UID, GID int
	// Accounts is the directory of each NATS server for account claims. Default: [Accounts].
	Accounts string
	// Cluster is set for several NATS servers.
	Cluster bool
}

// Accounts is the directory of a NATS server of the stack for account claims, on its own volume.
const Accounts = "/var/lib/nats/accounts"

// sealed lists the services with an identity to decrypt secrets. The evaluator has one too, but no file with the
// recipient: whoever knows it can seal a key that the evaluators would publish.
var sealed = []string{"fetcher", "exchange", "gateway", "dispatcher"}

// Init creates the missing files below Dir:
//
//	authority/             the seeds of the NATS operator and accounts: for this command only
//	nats/auth.conf         for the NATS servers to include; no secret
//	creds/<role>.creds     NATS credentials of each role
//	keys/<service>.identity, keys/<service>.recipient
//	keys/evaluator.identity
//	account-id, api-token, session-key
//	parties/<party>/       what each party needs of these, apart from the others
//
// Existing files are kept, except auth.conf, recipients and parties/, which are derived.
func (f Files) Init() error {
	d := datadir.Dir(f.Dir)
	if err := os.MkdirAll(f.Dir, 0o755); err != nil {
		return err
	}
	authority, err := creds.Open(filepath.Join(f.Dir, "authority"))
	if err != nil {
		return err
	}
	if err := checkShape(f.Dir, authority.AccountID, authority.SystemID, f.Cluster); err != nil {
		return err
	}
	auth, err := authority.ServerConfig(cmp.Or(f.Accounts, Accounts))
	if err != nil {
		return err
	}
	if err := writePublic(filepath.Join(f.Dir, "nats", "auth.conf"), auth); err != nil {
		return err
	}
	for _, role := range topology.Roles() {
		if role == topology.Follower { // created by plumb follower create
			continue
		}
		if err := d.Credentials(authority, role); err != nil {
			return err
		}
	}
	for _, service := range sealed {
		recipients, err := d.Recipients(service)
		if err != nil {
			return err
		}
		if err := creds.WriteSecret(d.RecipientPath(service), []byte(recipients)); err != nil {
			return err
		}
	}
	if _, err := d.Identities("evaluator"); err != nil {
		return err
	}
	if _, err := d.Account(f.Account); err != nil {
		return err
	}
	if _, _, err := d.APIToken(""); err != nil {
		return err
	}
	if _, err := d.SessionKey(); err != nil {
		return err
	}
	if err := handOut(d); err != nil {
		return err
	}
	return f.chown()
}

// writePublic writes a file readable by other users, such as a NATS server's: it has signed claims, but no seeds.
func writePublic(path, text string) error {
	if err := creds.WriteSecret(path, []byte(text)); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

func (f Files) chown() error {
	if f.UID < 0 && f.GID < 0 {
		return nil
	}
	return filepath.WalkDir(f.Dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := os.Lchown(path, f.UID, f.GID); err != nil {
			return fmt.Errorf("give %s to user %d: %w", path, f.UID, err)
		}
		return nil
	})
}
