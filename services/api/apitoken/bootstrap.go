package apitoken

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/credential"
)

// ErrRevoked is returned by [Bootstrap] for a token that was valid once and was revoked.
var ErrRevoked = errors.New("the bootstrap token was revoked and stays so: start with another one")

// Bootstrap makes a token that may do everything valid for an account, if it was not before, and tells
// whether it did. A token that was revoked stays revoked: [ErrRevoked]; one whose permissions were narrowed
// stays narrow. With an e-mail address the token is an API key too (X-Auth-Key).
//
// Who makes the first token writes it down first (credential.NewAPIToken gives one), then hands it over
// here or in [Config.BootstrapToken]: a process that dies between the two has lost nothing.
func Bootstrap(ctx context.Context, conn *bus.Conn, c clock.Clock, account proto.Account, token, email string) (made bool, err error) {
	if !Form.MatchString(token) || account.IsZero() {
		return false, errors.New("bootstrap: a token of the right form and an account are needed")
	}
	hash := credential.Hash(token)
	key := topology.APITokenKey(account, hash)
	var there proto.APIToken
	revision, err := conn.Get(ctx, topology.Tokens, key, &there)
	switch {
	case err == nil:
		return false, raise(ctx, conn, c, key, &there, revision, email)
	case !errors.Is(err, bus.ErrNotFound):
		return false, fmt.Errorf("bootstrap token: %w", err)
	case revision != 0:
		return false, ErrRevoked
	}
	t := &proto.APIToken{
		ID: proto.NewID(), Name: "bootstrap", SecretHash: hash, CreatedAt: proto.At(c.Now()), All: true, Email: strings.ToLower(email),
	}
	event := bootstrapped(c, store.ActionCreate, nil, t)
	event.Records = []proto.AuditRecord{{Subject: topology.BucketSubject(topology.Tokens, key)}}
	_, err = conn.Commit(ctx, append(store.OutboxMessages(account, topology.Tokens, []*proto.AuditEvent{event}),
		bus.PutMsg(topology.Tokens, key, t, 0)))
	if errors.Is(err, bus.ErrConflict) {
		return false, nil // another replica has the same token and was first
	}
	return err == nil, err
}

// raise gives a bootstrap token from before there were permissions all of them, and its address.
func raise(ctx context.Context, conn *bus.Conn, c clock.Clock, key string, t *proto.APIToken, revision uint64, email string) error {
	was := *t
	t.All = t.All || len(t.Policies) == 0
	if email != "" {
		t.Email = strings.ToLower(email)
	}
	if t.All == was.All && t.Email == was.Email {
		return nil
	}
	event := bootstrapped(c, store.ActionUpdate, &was, t)
	event.Records = []proto.AuditRecord{{Subject: topology.BucketSubject(topology.Tokens, key), Replaced: revision}}
	_, err := conn.Commit(ctx, append(store.OutboxMessages(topology.AccountOf(key), topology.Tokens, []*proto.AuditEvent{event}), bus.PutMsg(topology.Tokens, key, t, revision)))
	if errors.Is(err, bus.ErrConflict) {
		return nil // another replica was first, or somebody changed the token
	}
	return err
}

// bootstrapped is what the audit log is told of a bootstrap token: the replicas tell it once they run.
func bootstrapped(c clock.Clock, action string, before, after *proto.APIToken) *proto.AuditEvent {
	view := func(t *proto.APIToken) any {
		if t == nil {
			return nil
		}
		return map[string]any{"id": t.ID, "name": t.Name, "x_all": t.All, "x_email": t.Email}
	}
	return &proto.AuditEvent{ID: proto.NewID(), At: proto.At(c.Now()), Actor: proto.Actor{Type: "system", ID: "api", Name: "bootstrap"},
		Action: action, Kind: "api_token", Resource: after.ID.String(), Name: after.Name, Before: store.EncodeView(view(before)), After: store.EncodeView(view(after))}
}

// Form is what Terraform's provider accepts as an API token (api/README.md 1.2).
var Form = regexp.MustCompile(`^[0-9A-Za-z_-]{40,80}$`)
