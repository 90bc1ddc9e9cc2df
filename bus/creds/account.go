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

// AccountJWTs returns the signed claims of every account, by public key: its exports, imports and revoked users. They
// are the content of a server's account resolver.
func (a *Authority) AccountJWTs() (map[string]string, error) {
	all := map[string]string{}
	sys := jwt.NewAccountClaims(a.SystemID)
	sys.Name = system
	sys.Exports.Add(&jwt.Export{Name: "nothing", Subject: nothing, Type: jwt.Service,
		ResponseType: jwt.ResponseTypeSingleton})
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

// nothing is a subject without responders. The server adds an import of its JetStream API to every account unless the
// account already imports the same subject. For an account without JetStream, this API would reply that there is
// none, in addition to the reply of the zone with the stream. Importing this subject instead prevents that.
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
	// Activation tokens are not needed: the server accepts imports only in claims signed by the operator, and this
	// authority is the operator.
	for _, s := range zone.Shares() {
		e := &jwt.Export{Name: s.Subject, Subject: jwt.Subject(s.Subject), Type: jwt.Service,
			ResponseType: jwt.ResponseTypeSingleton}
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
		c.Imports.Add(&jwt.Import{Name: "no JetStream of its own", Subject: nothing, Account: a.SystemID,
			LocalSubject: "$JS.API.>", Type: jwt.Service})
	}
	switch zone {
	case topology.Queue:
		c.Limits.JetStreamLimits.Consumer = topology.MaxFetchConsumers
	case topology.Pipeline:
		if !a.since.IsZero() {
			c.RevokeAt(jwt.All, a.since)
		}
	case topology.Follow:
		c.Limits.Conn, c.Limits.Subs = topology.MaxFollowerConnections, topology.MaxFollowerSubscriptions
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

// ServerConfig returns the part of a nats-server configuration needed to accept this authority's users. resolver is
// the server's own directory for account claims; the server stores revocations there.
func (a *Authority) ServerConfig(resolver string) (string, error) {
	accounts, err := a.AccountJWTs()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "max_control_line: %d\noperator: %q\nsystem_account: %q\n",
		topology.MaxControlLine, a.OperatorJWT, a.SystemID)
	fmt.Fprintf(&b, "resolver: {type: full, dir: %q, allow_delete: false, interval: \"1m\"}\nresolver_preload: {\n",
		resolver)
	for _, id := range slices.Sorted(maps.Keys(accounts)) {
		fmt.Fprintf(&b, "  %s: %q\n", id, accounts[id])
	}
	b.WriteString("}\n")
	return b.String(), nil
}

// systemUser returns credentials for a user of the system account permitted to replace account claims. They expire
// after a minute.
func (a *Authority) systemUser() (token, seed string, err error) {
	return a.short(system, jwt.Permissions{
		Pub: jwt.Permission{Allow: []string{claimsUpdate}}, Sub: jwt.Permission{Allow: []string{"_INBOX.>"}},
	}, time.Minute)
}
