package api

import (
	"context"
	"errors"
	"fmt"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/credential"
)

// ErrRevoked is returned by [Bootstrap] for a token that was valid once and was revoked.
var ErrRevoked = errors.New("the bootstrap token was revoked and stays so: start with another one")

// Bootstrap makes a token valid for an account, if it was not before, and tells whether it did. A token
// that was revoked stays revoked: [ErrRevoked].
//
// Who makes the first token writes it down first (credential.NewAPIToken gives one), then hands it over
// here or in [Config.BootstrapToken]: a process that dies between the two has lost nothing.
func Bootstrap(ctx context.Context, conn *bus.Conn, c clock.Clock, account proto.Account, token string) (made bool, err error) {
	if !tokenForm.MatchString(token) || account.IsZero() {
		return false, errors.New("bootstrap: a token of the right form and an account are needed")
	}
	hash := credential.Hash(token)
	key := topology.APITokenKey(account, hash)
	revision, err := conn.Get(ctx, topology.Tokens, key, new(proto.APIToken))
	switch {
	case err == nil:
		return false, nil
	case !errors.Is(err, bus.ErrNotFound):
		return false, fmt.Errorf("bootstrap token: %w", err)
	case revision != 0:
		return false, ErrRevoked
	}
	_, err = conn.Put(ctx, topology.Tokens, key, &proto.APIToken{
		ID: proto.NewID(), Name: "bootstrap", SecretHash: hash, CreatedAt: proto.At(c.Now()),
	}, 0)
	if errors.Is(err, bus.ErrConflict) {
		return false, nil // another replica has the same token and was first
	}
	return err == nil, err
}
