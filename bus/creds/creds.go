// Package creds makes the NATS identities of a Plumbline installation: an operator, one account, and a
// user for each role whose permissions are those of the topology. Users log in with ordinary credentials
// files, which every NATS client library and tool takes.
package creds

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// Authority can make users. It holds the seeds of the installation's operator and accounts: whoever has
// them can be anybody on the bus. Safe for concurrent use.
type Authority struct {
	operator, account, system nkeys.KeyPair
	// OperatorJWT, AccountJWT and SystemJWT are what a server is configured with.
	OperatorJWT, AccountJWT, SystemJWT string
	AccountID, SystemID                string // public keys
}

const seedFile = "authority.json"

type seeds struct {
	Operator string `json:"operator"`
	Account  string `json:"account"`
	System   string `json:"system"`
}

// Open reads the authority of a directory, or makes one there at first, in a file of mode 0600.
func Open(dir string) (*Authority, error) {
	path := filepath.Join(dir, seedFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if data, err = mint(); err == nil {
			err = WriteSecret(path, data)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("NATS authority: %w", err)
	}
	a, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("NATS authority %s: %w", path, err)
	}
	return a, nil
}

// New makes an authority that is kept nowhere, for tests.
func New() (*Authority, error) {
	data, err := mint()
	if err != nil {
		return nil, err
	}
	return parse(data)
}

func mint() ([]byte, error) {
	var s seeds
	for _, k := range []struct {
		make func() (nkeys.KeyPair, error)
		into *string
	}{{nkeys.CreateOperator, &s.Operator}, {nkeys.CreateAccount, &s.Account}, {nkeys.CreateAccount, &s.System}} {
		pair, err := k.make()
		if err != nil {
			return nil, err
		}
		seed, err := pair.Seed()
		if err != nil {
			return nil, err
		}
		*k.into = string(seed)
	}
	return json.Marshal(s)
}

func parse(data []byte) (*Authority, error) {
	var s seeds
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	a := new(Authority)
	var err error
	for _, k := range []struct {
		seed string
		into *nkeys.KeyPair
	}{{s.Operator, &a.operator}, {s.Account, &a.account}, {s.System, &a.system}} {
		if *k.into, err = nkeys.FromSeed([]byte(k.seed)); err != nil {
			return nil, err
		}
	}
	return a, a.sign()
}

func (a *Authority) sign() error {
	operatorID, err1 := a.operator.PublicKey()
	accountID, err2 := a.account.PublicKey()
	systemID, err3 := a.system.PublicKey()
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	a.AccountID, a.SystemID = accountID, systemID

	account := jwt.NewAccountClaims(accountID)
	account.Name = "PLUMBLINE"
	account.Limits.JetStreamLimits = jwt.JetStreamLimits{
		MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
		MaxAckPending: jwt.NoLimit, MemoryMaxStreamBytes: jwt.NoLimit, DiskMaxStreamBytes: jwt.NoLimit,
	}
	system := jwt.NewAccountClaims(systemID)
	system.Name = "SYS"
	operator := jwt.NewOperatorClaims(operatorID)
	operator.Name = "plumbline"
	operator.SystemAccount = systemID
	a.OperatorJWT, err1 = operator.Encode(a.operator)
	a.AccountJWT, err2 = account.Encode(a.operator)
	a.SystemJWT, err3 = system.Encode(a.operator)
	return errors.Join(err1, err2, err3)
}

// User makes a user of a role: its JWT and the seed that proves it.
func (a *Authority) User(role topology.Role) (token, seed string, err error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", "", err
	}
	id, err := pair.PublicKey()
	if err != nil {
		return "", "", err
	}
	secret, err := pair.Seed()
	if err != nil {
		return "", "", err
	}
	claims := jwt.NewUserClaims(id)
	claims.Name = string(role)
	claims.Permissions = permissions(role)
	token, err = claims.Encode(a.account)
	return token, string(secret), err
}

// File is a credentials file of a new user of a role.
func (a *Authority) File(role topology.Role) ([]byte, error) {
	token, seed, err := a.User(role)
	if err != nil {
		return nil, err
	}
	return jwt.FormatUserConfig(token, []byte(seed))
}

// ServerConfig is the part of a nats-server configuration that makes it accept this authority's users.
func (a *Authority) ServerConfig() string {
	var b strings.Builder
	fmt.Fprintf(&b, "max_control_line: %d\noperator: %q\nsystem_account: %q\nresolver: MEMORY\nresolver_preload: {\n  %s: %q\n  %s: %q\n}\n",
		topology.MaxControlLine, a.OperatorJWT, a.SystemID, a.AccountID, a.AccountJWT, a.SystemID, a.SystemJWT)
	return b.String()
}

// UpToDate tells whether a credentials file is of this authority and lets its user do what the topology
// says today. One that is not has to be made anew: its permissions are signed into it.
func (a *Authority) UpToDate(file []byte, role topology.Role) bool {
	token, err := jwt.ParseDecoratedJWT(file)
	if err != nil {
		return false
	}
	had, err := jwt.DecodeUserClaims(token)
	if err != nil || had.Issuer != a.AccountID {
		return false
	}
	return had.Name == string(role) && reflect.DeepEqual(had.Permissions, permissions(role))
}

func permissions(role topology.Role) jwt.Permissions {
	p := topology.PermissionsOf(role)
	var out jwt.Permissions
	out.Pub.Allow, out.Pub.Deny, out.Sub.Allow = p.Publish, p.DenyPublish, p.Subscribe
	if p.Respond {
		out.Resp = &jwt.ResponsePermission{MaxMsgs: 1, Expires: responseTime}
	}
	return out
}
