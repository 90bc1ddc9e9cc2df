package keyring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// ServiceRequest is who wants an application token, and the request that it is wanted for. The credentials
// must have been found right, and the request admitted: a token that is kept is handed out for them.
type ServiceRequest struct {
	Account       proto.Account
	Token         proto.ID // the service token
	TokenRevision uint64
	App           proto.ID
	AppRevision   uint64
	ClientID      string
	ClientSecret  string
	IP            string // where the request came from, empty: not known
	Vouched       *proto.Vouched
}

// Service gives a service's application token. It is obtained once for each state of the service token and
// of the application, however many ask, and used until shortly before it expires; the next one is obtained
// ahead of that, by a request that does not wait for it. The error is a [*proto.Error] where the exchange
// refuses, whose code is a policy reason, and wraps [ErrUnavailable] where it does not answer.
func (k *Keyring) Service(ctx context.Context, q ServiceRequest) (token string, err error) {
	key := serviceKey{q.Token, q.TokenRevision, q.App, q.AppRevision}
	now := k.clock.Now()
	have := k.services.find(key)
	switch {
	case have == nil || !now.Before(have.until):
		return k.obtain(ctx, key, have, q)
	case !now.Before(have.renew):
		k.renew(key, have, q, now)
	}
	return have.token, nil
}

// renew obtains the token that comes after one, in the background. One that fails is tried again a second
// later, by another request.
func (k *Keyring) renew(key serviceKey, have *obtained, q ServiceRequest, now time.Time) {
	tried := have.tried.Load()
	if now.UnixNano()-tried < int64(retryEvery) || !have.tried.CompareAndSwap(tried, now.UnixNano()) {
		return
	}
	go func() {
		if _, err := k.obtain(context.Background(), key, have, q); err != nil {
			k.log.Warn("cannot renew a service's application token yet", "token", q.Token, "application", q.App, "err", err)
		}
	}()
}

// obtain asks the exchange, once for all who want the same: what comes after the token that they have, nil
// where they have none.
func (k *Keyring) obtain(ctx context.Context, key serviceKey, have *obtained, q ServiceRequest) (string, error) {
	var mine bool
	result := k.services.flights.DoChan(fmt.Sprint(key), func() (any, error) {
		mine = true
		if next := k.services.find(key); next != nil && next != have && k.clock.Now().Before(next.until) {
			return next.token, nil // somebody was a moment sooner
		}
		// Not under the ctx of one of those who wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return k.askService(ctx, key, q)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	case r := <-result:
		var refused *proto.Error
		if errors.As(r.Err, &refused) && !mine {
			// Another request was refused, which may have come from elsewhere. This one is heard itself.
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			return k.askService(ctx, key, q)
		}
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

func (k *Keyring) askService(ctx context.Context, key serviceKey, q ServiceRequest) (string, error) {
	now := k.clock.Now()
	answer, err := k.ask(ctx, topology.ExchangeService, &proto.ServiceExchange{
		Account: q.Account, ClientID: q.ClientID, ClientSecret: q.ClientSecret, Application: q.App, IP: q.IP, Vouched: q.Vouched,
	})
	if err != nil {
		return "", err
	}
	k.services.keep(key, answer, now)
	return answer.Token, nil
}
