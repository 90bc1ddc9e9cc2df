// Package creds creates the NATS identities of a Plumbline installation: an operator, an account for each zone of the
// topology, a user for each role, and followers. Users log in with standard credentials files, supported by every
// NATS client library and tool.
package creds

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// Authority creates users. It holds the seeds of the installation's operator and accounts; with these seeds, anyone
// can act as any user on the bus. It is safe for concurrent use.
type Authority struct {
	dir      string // empty if the authority is not stored
	operator nkeys.KeyPair
	accounts map[string]account // by name: the accounts of the zones, and [system]
	since    time.Time          // users of the pipeline created before are revoked; zero if none are
	// OperatorJWT is the operator's JWT for the configuration of a server.
	OperatorJWT         string
	AccountID, SystemID string // public keys of the pipeline's account and the system account
	followers           *registry
}

// Account returns the public key of a zone's account.
func (a *Authority) Account(z topology.Zone) string { return a.accounts[string(z)].id }

type account struct {
	pair   nkeys.KeyPair
	id     string // the public key
	secret []byte // the seed
}

// system is the name of the system account.
const system = "SYS"

const seedFile = "authority.json"

// seeds is the content of an authority's file.
type seeds struct {
	Operator string `json:"operator"`
	Account  string `json:"account"` // the pipeline's
	System   string `json:"system"`
	// Zones holds the seeds of the other zones' accounts.
	Zones map[topology.Zone]string `json:"zones,omitempty"`
	// Since is when the users of roles were last moved to different accounts, in Unix seconds. Earlier versions had
	// all users in the pipeline's account; their credentials are revoked.
	Since int64 `json:"since,omitempty"`
}

// Open reads the authority stored in a directory, or creates it, in a file with mode 0600. An authority created by an
// older version gets the missing accounts. Its previous credentials are revoked and must be created again.
func Open(dir string) (*Authority, error) {
	path := filepath.Join(dir, seedFile)
	unlock, err := lock(dir)
	if err != nil {
		return nil, fmt.Errorf("NATS authority: %w", err)
	}
	defer unlock()
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("NATS authority: %w", err)
	}
	s, changed, err := complete(data, time.Now())
	if err != nil {
		return nil, fmt.Errorf("NATS authority %s: %w", path, err)
	}
	if changed {
		if data, err = json.Marshal(s); err == nil {
			err = WriteSecret(path, data)
		}
		if err != nil {
			return nil, fmt.Errorf("NATS authority: %w", err)
		}
	}
	a, err := parse(s)
	if err != nil {
		return nil, fmt.Errorf("NATS authority %s: %w", path, err)
	}
	a.dir = dir
	if _, err := a.read(); err != nil {
		return nil, err
	}
	return a, nil
}

// New returns an authority without a file, for tests.
func New() (*Authority, error) {
	s, _, err := complete(nil, time.Now())
	if err != nil {
		return nil, err
	}
	return parse(s)
}

// complete parses an authority's file, possibly empty, and adds the missing seeds.
func complete(data []byte, now time.Time) (s seeds, changed bool, err error) {
	fresh := len(data) == 0
	if !fresh {
		if err := json.Unmarshal(data, &s); err != nil {
			return s, false, err
		}
	}
	if s.Zones == nil {
		s.Zones = map[topology.Zone]string{}
	}
	add := func(seed string, make func() (nkeys.KeyPair, error)) string {
		if seed != "" || err != nil {
			return seed
		}
		if !fresh {
			s.Since = now.Unix() - 1
		}
		changed = true
		var pair nkeys.KeyPair
		if pair, err = make(); err != nil {
			return ""
		}
		var text []byte
		text, err = pair.Seed()
		return string(text)
	}
	if !fresh && (s.Operator == "" || s.Account == "" || s.System == "") {
		return s, false, errors.New("the file lacks a seed")
	}
	s.Operator = add(s.Operator, nkeys.CreateOperator)
	s.Account = add(s.Account, nkeys.CreateAccount)
	s.System = add(s.System, nkeys.CreateAccount)
	for _, z := range topology.Zones() {
		if z != topology.Pipeline {
			s.Zones[z] = add(s.Zones[z], nkeys.CreateAccount)
		}
	}
	return s, changed, err
}

func parse(s seeds) (*Authority, error) {
	a := &Authority{accounts: map[string]account{}, followers: new(registry)}
	if s.Since != 0 {
		a.since = time.Unix(s.Since, 0)
	}
	var err error
	if a.operator, err = nkeys.FromSeed([]byte(s.Operator)); err != nil {
		return nil, err
	}
	all := map[string]string{system: s.System, string(topology.Pipeline): s.Account}
	for zone, seed := range s.Zones {
		all[string(zone)] = seed
	}
	for name, seed := range all {
		pair, err1 := nkeys.FromSeed([]byte(seed))
		if err1 != nil {
			return nil, fmt.Errorf("account %s: %w", name, err1)
		}
		id, err2 := pair.PublicKey()
		if err2 != nil {
			return nil, fmt.Errorf("account %s: %w", name, err2)
		}
		a.accounts[name] = account{pair, id, []byte(seed)}
	}
	a.AccountID, a.SystemID = a.accounts[string(topology.Pipeline)].id, a.accounts[system].id
	id, err := a.operator.PublicKey()
	if err != nil {
		return nil, err
	}
	operator := jwt.NewOperatorClaims(id)
	operator.Name = "plumbline"
	operator.SystemAccount = a.SystemID
	a.OperatorJWT, err = operator.Encode(a.operator)
	return a, err
}

// User creates a user of a role and returns its JWT and seed. For followers, use [Authority.Follower].
func (a *Authority) User(role topology.Role) (token, seed string, err error) {
	token, seed, _, err = a.user(topology.ZoneOf(role), string(role), a.permissionsOf(role))
	return token, seed, err
}

// permissionsOf returns the permissions of a role, or of the follower named after the role [topology.Follower].
func (a *Authority) permissionsOf(role topology.Role) jwt.Permissions {
	if role == topology.Follower {
		return a.followerPermissions(string(role))
	}
	return permissions(topology.PermissionsOf(role))
}

// UserIn creates a user of a zone with the given name and permissions, for tests.
func (a *Authority) UserIn(zone topology.Zone, name string, p topology.Permissions) (token, seed string, err error) {
	token, seed, _, err = a.user(zone, name, permissions(p))
	return token, seed, err
}

func (a *Authority) user(zone topology.Zone, name string, p jwt.Permissions) (token, seed, id string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", "", "", err
	}
	if id, err = pair.PublicKey(); err != nil {
		return "", "", "", err
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", "", err
	}
	claims := jwt.NewUserClaims(id)
	claims.Name = name
	claims.Permissions = p
	token, err = claims.Encode(a.accounts[string(zone)].pair)
	return token, string(secret), id, err
}

// File returns a credentials file of a new user of a role.
func (a *Authority) File(role topology.Role) ([]byte, error) {
	token, seed, err := a.User(role)
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, []byte(seed))
}

// UpToDate reports whether a credentials file was issued by this authority with the role's current permissions. An
// outdated file must be created again: the permissions are part of the signed JWT.
func (a *Authority) UpToDate(file []byte, role topology.Role) bool {
	zone := topology.ZoneOf(role)
	had, ok := a.claims(file, zone, a.permissionsOf(role))
	return ok && had.Name == string(role) && (zone != topology.Pipeline || had.IssuedAt > a.since.Unix())
}

// claims parses a credentials file. ok reports whether it was issued by the zone's account with these permissions.
func (a *Authority) claims(file []byte, zone topology.Zone, want jwt.Permissions) (had *jwt.UserClaims, ok bool) {
	token, err := jwt.ParseDecoratedJWT(file)
	if err != nil {
		return nil, false
	}
	had, err = jwt.DecodeUserClaims(token)
	if err != nil || had.Issuer != a.accounts[string(zone)].id {
		return nil, false
	}
	return had, reflect.DeepEqual(had.Permissions, want)
}

func permissions(p topology.Permissions) jwt.Permissions {
	var out jwt.Permissions
	out.Pub.Allow, out.Pub.Deny, out.Sub.Allow = p.Publish, p.DenyPublish, p.Subscribe
	if p.Respond {
		out.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: responseTime}
	}
	return out
}
