package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"plumbline.dev/bus/topology"
)

// claimsUpdate is the subject of requests to replace an account's claims.
const claimsUpdate = "$SYS.REQ.CLAIMS.UPDATE"

// moreServers is how long to wait for the replies of further servers after each reply.
const moreServers = 500 * time.Millisecond

// Push sends the current claims of the followers' account to running servers. Revoked followers are disconnected and
// can no longer log in. It returns the number of servers updated. Unreachable servers get the claims from another
// server within a minute.
func (a *Authority) Push(ctx context.Context, url string, more ...nats.Option) (servers int, err error) {
	_, claims, err := a.accountJWT(topology.Follow)
	if err != nil {
		return 0, err
	}
	token, seed, err := a.systemUser()
	if err != nil {
		return 0, err
	}
	options := append([]nats.Option{nats.Name("plumbline-authority"), nats.UserJWTAndSeed(token, seed)}, more...)
	nc, err := nats.Connect(url, options...)
	if err != nil {
		return 0, fmt.Errorf("connect to NATS at %s: %w", url, err)
	}
	defer nc.Close()
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox)
	if err != nil {
		return 0, err
	}
	if err := nc.PublishRequest(claimsUpdate, inbox, []byte(claims)); err != nil {
		return 0, err
	}
	for {
		wait, cancel := ctx, context.CancelFunc(func() {})
		if servers > 0 {
			wait, cancel = context.WithTimeout(ctx, moreServers)
		}
		m, err := answers.NextMsgWithContext(wait)
		cancel()
		switch {
		case servers > 0 && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)):
			return servers, nil
		case err != nil:
			return servers, fmt.Errorf("update the followers' account: %w", err)
		}
		if err := refused(m.Data); err != nil {
			return servers, fmt.Errorf("update the followers' account: %w", err)
		}
		servers++
	}
}

func refused(answer []byte) error {
	var a struct {
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return err
	}
	if a.Error != nil {
		return errors.New(a.Error.Description)
	}
	return nil
}

// short creates a user with a limited lifetime.
func (a *Authority) short(account string, p jwt.Permissions, life time.Duration) (token, seed string, err error) {
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
	claims.Name, claims.Permissions, claims.Expires = "authority", p, time.Now().Add(life).Unix()
	token, err = claims.Encode(a.accounts[account].pair)
	return token, string(secret), err
}
