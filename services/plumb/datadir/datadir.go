// Package datadir stores the generated secrets and ids of an installation: the account id, the first API token, the
// identities to decrypt sealed secrets, and credentials for other systems. Secrets are files with mode 0600.
package datadir

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"
	"plumbline.dev/bus/creds"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/seal"
)

// Dir is the path of a data directory.
type Dir string

// The files, relative to the directory.
const (
	accountFile  = "account-id"
	tokenFile    = "api-token"
	followerFile = "follower.creds"
	sessionFile  = "session-key"
)

// AccountPath returns the path of the file with the account's id.
func (d Dir) AccountPath() string { return d.path(accountFile) }

// TokenPath returns the path of the file with the first API token.
func (d Dir) TokenPath() string { return d.path(tokenFile) }

// FollowerPath returns the path of the first follower's credentials.
func (d Dir) FollowerPath() string { return d.path(followerFile) }

// SessionKeyPath returns the path of the session key.
func (d Dir) SessionKeyPath() string { return d.path(sessionFile) }

// IdentityPath returns the path of a service's age identity.
func (d Dir) IdentityPath(service string) string { return d.path("keys", service+".identity") }

// RecipientPath returns the path of the recipient for secrets of the service.
func (d Dir) RecipientPath(service string) string { return d.path("keys", service+".recipient") }

func (d Dir) path(names ...string) string {
	return filepath.Join(append([]string{string(d)}, names...)...)
}

// Account returns the stored account, or else the given one, or else a new one, and stores it. If the given account
// differs from the stored one, Account returns an error, because the data of the stored one would not be found.
func (d Dir) Account(given proto.Account) (proto.Account, error) {
	text, _, err := d.once(accountFile, func() (string, error) {
		if given.IsZero() {
			given = proto.NewAccount()
		}
		return given.String(), nil
	})
	if err != nil {
		return proto.Account{}, err
	}
	kept, err := proto.ParseAccount(text)
	if err != nil {
		return proto.Account{}, fmt.Errorf("%s: %w", d.AccountPath(), err)
	}
	if !given.IsZero() && given != kept {
		return proto.Account{}, fmt.Errorf(
			"%s belongs to account %s, not to %s: give another --data, or leave out --account-id", string(d), kept, given)
	}
	return kept, nil
}

var tokenForm = regexp.MustCompile(`^[0-9A-Za-z_-]{40,80}$`)

// APIToken returns the given API token, which is not stored, or the stored one, which is created at the first start.
func (d Dir) APIToken(given string) (token string, made bool, err error) {
	where := "--bootstrap-token"
	if given == "" {
		where = d.TokenPath()
		given, made, err = d.once(tokenFile, func() (string, error) { return credential.NewAPIToken(), nil })
	}
	if err == nil && !tokenForm.MatchString(given) {
		err = fmt.Errorf("%s must have an API token: 40 to 80 of the characters A-Z a-z 0-9 _ -", where)
	}
	return given, made, err
}

// SessionKeyBytes is the length of the session key.
const SessionKeyBytes = 32

// SessionKey returns the key that gateways share to encrypt the login state in cookies: random bytes, stored as hex.
// Replacing the key only interrupts logins in progress.
func (d Dir) SessionKey() ([]byte, error) {
	text, _, err := d.once(sessionFile, func() (string, error) {
		key := make([]byte, SessionKeyBytes)
		rand.Read(key) // never returns an error
		return hex.EncodeToString(key), nil
	})
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != SessionKeyBytes {
		return nil, fmt.Errorf("%s must have a session key of %d hex characters: remove the file to create a new one",
			d.SessionKeyPath(), 2*SessionKeyBytes)
	}
	return key, nil
}

// Identities returns the age identities of a service, to decrypt its secrets. There is one, unless an operator has
// added others to the file.
func (d Dir) Identities(service string) ([]age.Identity, error) {
	text, _, err := d.once(filepath.Join("keys", service+".identity"), func() (string, error) {
		text, _, err := seal.NewIdentity()
		return text, err
	})
	if err != nil {
		return nil, err
	}
	ids, err := seal.ParseIdentities(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.IdentityPath(service), err)
	}
	return ids, nil
}

// Recipients returns the age recipients of a service, one per line.
func (d Dir) Recipients(service string) (string, error) {
	ids, err := d.Identities(service)
	if err != nil {
		return "", err
	}
	to, err := seal.RecipientsOf(ids)
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.IdentityPath(service), err)
	}
	var lines strings.Builder
	for _, r := range to {
		fmt.Fprintln(&lines, r)
	}
	return lines.String(), nil
}

// Follower makes sure that there is a credentials file for another system that follows results, with the permissions
// of today's topology: those of the follower named "follower". It makes none if that follower was revoked.
func (d Dir) Follower(a *creds.Authority) error {
	name := string(topology.Follower)
	file, err := os.ReadFile(d.FollowerPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if current, err := a.FollowerUpToDate(file, name); err != nil || current {
		return err
	}
	all, err := a.Followers()
	if err != nil {
		return err
	}
	newest := len(all) - 1
	for newest >= 0 && all[newest].Name != name {
		newest--
	}
	switch {
	case newest < 0: // the first start
	case !all[newest].Active():
		return nil
	default: // the permissions changed, or the file was lost
		if err := a.Revoke(name); err != nil {
			return err
		}
	}
	if file, err = a.Follower(name); err != nil {
		return err
	}
	return creds.WriteSecret(d.FollowerPath(), file)
}

// Credentials makes sure that there is a credentials file of a role, in creds/, with the permissions of
// today's topology.
func (d Dir) Credentials(a *creds.Authority, role topology.Role) error {
	return d.credentials(filepath.Join("creds", string(role)+".creds"), a, role)
}

func (d Dir) credentials(name string, a *creds.Authority, role topology.Role) error {
	text, _, err := d.once(name, func() (string, error) {
		data, err := a.File(role)
		return string(data), err
	})
	if err != nil || a.UpToDate([]byte(text), role) {
		return err
	}
	data, err := a.File(role)
	if err != nil {
		return err
	}
	return creds.WriteSecret(d.path(name), data)
}

// once returns the trimmed content of a file, and creates the file if it is missing.
func (d Dir) once(name string, make func() (string, error)) (text string, made bool, err error) {
	path := d.path(name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		made = true
		if text, err = make(); err == nil {
			data = []byte(strings.TrimSpace(text) + "\n")
			err = creds.WriteSecret(path, data)
		}
	}
	if err != nil {
		return "", false, err
	}
	if text = strings.TrimSpace(string(data)); text == "" {
		return "", false, fmt.Errorf("%s is empty: remove the file to create a new one", path)
	}
	return text, made, nil
}

// Read returns the trimmed content of a file. Commands read the token and the account of a local installation with it.
func Read(path string) (string, error) {
	data, err := os.ReadFile(path)
	return strings.TrimSpace(string(data)), err
}
