package creds

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"plumbline.dev/bus/topology"
)

// AccountJWTs are the signed claims of every account, by public key: what it exports and imports, and which of its
// users are revoked. They are what a server's account resolver holds.
func (a *Authority) AccountJWTs() (map[string]string, error) {
	all := map[string]string{}
	sys := jwt.NewAccountClaims(a.SystemID)
	sys.Name = system
	sys.Exports.Add(&jwt.Export{Name: "nothing", Subject: nothing, Type: jwt.Service, ResponseType: jwt.ResponseTypeSingleton})
	token, err := sys.Encode(a.operator)
	if err != nil {
		return nil, err
	}
	all[a.SystemID] = token
	for _, zone := range topology.Zones() {
		id, token, err := a.accountJWT(zone)
		if err != nil {
			return nil, fmt.Errorf("account %s: %w", zone, err)
		}
		all[id] = token
	}
	return all, nil
}

// nothing is what nobody answers. The server gives every account an import of its JetStream API, which answers that
// an account has no JetStream, beside the answer of the zone that has the stream; unless the account has an import of
// the same name already.
const nothing = "plumbline.nothing.>"

func (a *Authority) accountJWT(zone topology.Zone) (id, token string, err error) {
	id = a.accounts[string(zone)].id
	c := jwt.NewAccountClaims(id)
	c.Name = string(zone)
	if zone.JetStream() {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{
			MemoryStorage: jwt.NoLimit, DiskStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit,
			MaxAckPending: jwt.NoLimit, MemoryMaxStreamBytes: jwt.NoLimit, DiskMaxStreamBytes: jwt.NoLimit,
		}
	}
	// No activation tokens: an import counts only in claims that the operator signed, which is this authority.
	for _, s := range zone.Shares() {
		e := &jwt.Export{Name: s.Subject, Subject: jwt.Subject(s.Subject), Type: jwt.Service, ResponseType: jwt.ResponseTypeSingleton}
		switch {
		case s.Stream:
			e.Type, e.ResponseType = jwt.Stream, ""
		case s.Several:
			e.ResponseType = jwt.ResponseTypeStream
		}
		c.Exports.Add(e)
	}
	for _, i := range zone.Imports() {
		im := &jwt.Import{Name: i.Subject, Subject: jwt.Subject(i.Subject), Account: a.accounts[string(i.From)].id,
			LocalSubject: jwt.RenamingSubject(i.Local), Type: jwt.Service}
		if i.Stream {
			im.Type = jwt.Stream
		}
		c.Imports.Add(im)
	}
	if !zone.JetStream() {
		c.Imports.Add(&jwt.Import{Name: "no JetStream of its own", Subject: nothing, Account: a.SystemID, LocalSubject: "$JS.API.>", Type: jwt.Service})
	}
	switch zone {
	case topology.Pipeline:
		if !a.since.IsZero() {
			c.RevokeAt(jwt.All, a.since)
		}
	case topology.Follow:
		followers, err := a.read()
		if err != nil {
			return "", "", err
		}
		for _, f := range followers {
			if !f.Revoked.IsZero() {
				c.RevokeAt(f.User, f.Revoked)
			}
		}
	}
	var result jwt.ValidationResults
	if c.Validate(&result); result.IsBlocking(true) {
		return "", "", fmt.Errorf("claims: %w", result.Errors()[0])
	}
	token, err = c.Encode(a.operator)
	return id, token, err
}

// ServerConfig is the part of a nats-server configuration that makes it accept this authority's users. resolver is
// the server's own directory for the accounts' claims: a revocation is stored there.
func (a *Authority) ServerConfig(resolver string) (string, error) {
	accounts, err := a.AccountJWTs()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "max_control_line: %d\noperator: %q\nsystem_account: %q\n", topology.MaxControlLine, a.OperatorJWT, a.SystemID)
	fmt.Fprintf(&b, "resolver: {type: full, dir: %q, allow_delete: false, interval: \"1m\"}\nresolver_preload: {\n", resolver)
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		fmt.Fprintf(&b, "  %s: %q\n", id, accounts[id])
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// systemUser is a user of the system account that may replace accounts' claims, for a minute.
func (a *Authority) systemUser() (token, seed string, err error) {
	return a.short(system, jwt.Permissions{
		Pub: jwt.Permission{Allow: []string{claimsUpdate}}, Sub: jwt.Permission{Allow: []string{"_INBOX.>"}},
	}, time.Minute)
}
