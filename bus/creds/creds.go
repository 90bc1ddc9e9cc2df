// Package creds makes the NATS identities of a Plumbline installation: an operator, an account for each zone of the
// topology, a user for each role, and followers. Users log in with ordinary credentials files, which every NATS
// client library and tool takes.
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

// Authority can make users. It holds the seeds of the installation's operator and accounts: whoever has
// them can be anybody on the bus. Safe for concurrent use.
type Authority struct {
	dir      string // empty: it is kept nowhere
	operator nkeys.KeyPair
	accounts map[string]account // by name: those of the zones, and [system]
	since    time.Time          // users of the pipeline that were made before are revoked; zero: none
	// OperatorJWT is what a server is configured with.
	OperatorJWT         string
	AccountID, SystemID string // public keys of the pipeline's account and of the system account
	followers           *registry
}

// Account is the public key of a zone's account.
func (a *Authority) Account(z topology.Zone) string { return a.accounts[string(z)].id }

type account struct {
	pair nkeys.KeyPair
	id   string // the public key
}

// system is the name of the system account.
const system = "SYS"

const seedFile = "authority.json"

// seeds is the file of an authority.
type seeds struct {
	Operator string `json:"operator"`
	Account  string `json:"account"` // the pipeline's
	System   string `json:"system"`
	// Zones are the seeds of the other zones' accounts.
	Zones map[topology.Zone]string `json:"zones,omitempty"`
	// Since is when the roles' users were last moved to other accounts, in Unix seconds: an authority of before had
	// everybody in the pipeline's account, and the credentials that it made are void.
	Since int64 `json:"since,omitempty"`
}

// Open reads the authority of a directory, or makes one there at first, in a file of mode 0600. An authority that
// was made by an older version gets the accounts that it lacks, and the credentials that it made are revoked: they
// have to be made anew.
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

// New makes an authority that is kept nowhere, for tests.
func New() (*Authority, error) {
	s, _, err := complete(nil, time.Now())
	if err != nil {
		return nil, err
	}
	return parse(s)
}

// complete reads an authority's file, of which there may be none, and adds the seeds that it lacks.
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
		a.accounts[name] = account{pair, id}
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

// User makes a user of a role: its JWT and the seed that proves it. A follower is made by [Authority.Follower].
func (a *Authority) User(role topology.Role) (token, seed string, err error) {
	token, seed, _, err = a.user(topology.ZoneOf(role), string(role), permissions(topology.PermissionsOf(role)))
	return token, seed, err
}

// UserIn makes a user of a zone with permissions of its own, for tests of what the zones alone keep apart.
func (a *Authority) UserIn(zone topology.Zone, p topology.Permissions) (token, seed string, err error) {
	token, seed, _, err = a.user(zone, "user of "+string(zone), permissions(p))
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

// File is a credentials file of a new user of a role.
func (a *Authority) File(role topology.Role) ([]byte, error) {
	token, seed, err := a.User(role)
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, []byte(seed))
}

// UpToDate tells whether a credentials file is of this authority and lets its user do what the topology
// says today. One that is not has to be made anew: its permissions are signed into it.
func (a *Authority) UpToDate(file []byte, role topology.Role) bool {
	zone := topology.ZoneOf(role)
	had, ok := a.claims(file, zone, permissions(topology.PermissionsOf(role)))
	return ok && had.Name == string(role) && (zone != topology.Pipeline || had.IssuedAt > a.since.Unix())
}

// claims reads a credentials file; ok reports whether it is of an account's user with these permissions.
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
