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
var ErrRevoked = errors.New("the bootstrap token was revoked, which cannot be undone: use a new one")

// Bootstrap creates a token with all permissions for an account if it does not exist, and reports whether it did. A
// revoked token stays revoked ([ErrRevoked]), and a token with restricted permissions stays restricted. With an e-mail
// address the token is also an API key (X-Auth-Key).
//
// Operators should generate the first token with credential.NewAPIToken and store it before they pass it to Bootstrap
// or [Config.BootstrapToken]: then nothing is lost if the process dies in between.
func Bootstrap(ctx context.Context, conn *bus.Conn, c clock.Clock, account proto.Account,
	token, email string) (made bool, err error) {
	if !Form.MatchString(token) || account.IsZero() {
		return false, errors.New("bootstrap: a token of 40 to 80 characters of 0-9, A-Z, a-z, - and _, and an account are " +
			"required")
	}
	hash := credential.Hash(token)
	key := topology.APITokenKey(account, hash)
	var there proto.APIToken
	revision, err := conn.Get(ctx, topology.Tokens, key, &there)
	switch {
	case err == nil:
		return false, upgradeBootstrap(ctx, conn, c, key, &there, revision, email)
	case !errors.Is(err, bus.ErrNotFound):
		return false, fmt.Errorf("bootstrap token: %w", err)
	case revision != 0:
		return false, ErrRevoked
	}
	t := &proto.APIToken{
		ID: proto.NewID(), Name: "bootstrap", SecretHash: hash, CreatedAt: proto.At(c.Now()), All: true,
		Email: strings.ToLower(email),
	}
	event := bootstrapped(c, store.ActionCreate, nil, t)
	event.Records = []proto.AuditRecord{{Subject: topology.BucketSubject(topology.Tokens, key)}}
	_, err = conn.Commit(ctx, append(store.OutboxMessages(account, topology.Tokens, []*proto.AuditEvent{event}),
		bus.PutMsg(topology.Tokens, key, t, 0)))
	if errors.Is(err, bus.ErrConflict) {
		return false, nil // another replica created the same token first
	}
	return err == nil, err
}

// upgradeBootstrap gives all permissions to a bootstrap token from a version without permissions, and sets its e-mail
// address.
func upgradeBootstrap(ctx context.Context, conn *bus.Conn, c clock.Clock, key string, t *proto.APIToken,
	revision uint64, email string) error {
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
	_, err := conn.Commit(ctx, append(store.OutboxMessages(topology.AccountOf(key), topology.Tokens,
		[]*proto.AuditEvent{event}), bus.PutMsg(topology.Tokens, key, t, revision)))
	if errors.Is(err, bus.ErrConflict) {
		return nil // another replica was first, or the token was changed
	}
	return err
}

// bootstrapped returns the audit event of a bootstrap token. The replicas publish it once they run.
func bootstrapped(c clock.Clock, action string, before, after *proto.APIToken) *proto.AuditEvent {
	view := func(t *proto.APIToken) any {
		if t == nil {
			return nil
		}
		return map[string]any{"id": t.ID, "name": t.Name, "x_all": t.All, "x_email": t.Email}
	}
	return &proto.AuditEvent{ID: proto.NewID(), At: proto.At(c.Now()),
		Actor:  proto.Actor{Type: "system", ID: "api", Name: "bootstrap"},
		Action: action, Kind: "api_token", Resource: after.ID.String(), Name: after.Name,
		Before: store.EncodeView(view(before)), After: store.EncodeView(view(after))}
}

// Form matches the tokens that Terraform's provider accepts (api/README.md 1.2).
var Form = regexp.MustCompile(`^[0-9A-Za-z_-]{40,80}$`)
