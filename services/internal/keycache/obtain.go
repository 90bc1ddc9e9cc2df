package keycache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// ServiceRequest identifies the service and the request that need an application token. The caller must have verified
// the credentials and admitted the request, because a cached token may be returned.
type ServiceRequest struct {
	Account       proto.Account
	Token         proto.ID // the service token
	TokenRevision uint64
	App           proto.ID
	AppRevision   uint64
	ClientID      string
	ClientSecret  string
	IP            string // the client's address; empty: unknown
	Vouched       *proto.Vouched
}

// Service returns a service's application token. It is obtained once for each revision of the service token and of
// the application, and used until shortly before it expires. One request triggers the renewal ahead of that and does
// not wait for it. The error is a [*proto.Error] with a policy reason as its code if the exchange rejects the
// request, and wraps [ErrUnavailable] if the exchange does not reply.
func (k *Cache) Service(ctx context.Context, q ServiceRequest) (token string, err error) {
	key := serviceKey{token: q.Token, tokenRevision: q.TokenRevision, app: q.App, appRevision: q.AppRevision}
	now := k.clock.Now()
	have := k.services.find(key)
	switch {
	case have == nil || !now.Before(have.until):
		asked := q // &q would allocate in every case
		return k.obtain(ctx, key, have, &asked)
	case !now.Before(have.renew):
		asked := q
		k.renew(key, have, &asked, now)
	}
	return have.token, nil
}

// AnybodyRequest is an anonymous request that needs an application token. A Service Auth policy must have admitted
// it.
type AnybodyRequest struct {
	Account     proto.Account
	App         proto.ID
	AppRevision uint64
	Policy      proto.ID
	CommonName  string // of the client certificate; empty: none
}

// Anybody returns the application token of anonymous requests, one for each common name. It caches and renews tokens
// as [Cache.Service] does.
func (k *Cache) Anybody(ctx context.Context, q AnybodyRequest) (token string, err error) {
	key := serviceKey{app: q.App, appRevision: q.AppRevision, policy: q.Policy, commonName: q.CommonName}
	now := k.clock.Now()
	have := k.services.find(key)
	switch {
	case have == nil || !now.Before(have.until):
		return k.obtain(ctx, key, have, &q)
	case !now.Before(have.renew):
		k.renew(key, have, &q, now)
	}
	return have.token, nil
}

// question is a request to the exchange for a token.
type question interface {
	// message returns the request of a sender that has seen a revision of the configuration.
	message(seen uint64) (subject string, m proto.Message)
}

func (q *ServiceRequest) message(seen uint64) (string, proto.Message) {
	return topology.ExchangeService, &proto.ServiceExchange{
		Account: q.Account, ClientID: q.ClientID, ClientSecret: q.ClientSecret, Application: q.App, IP: q.IP,
		Vouched: q.Vouched, ConfigRevision: max(seen, q.AppRevision), TokensRevision: q.TokenRevision,
	}
}

func (q *AnybodyRequest) message(seen uint64) (string, proto.Message) {
	return topology.Statements, &proto.Statement{
		Kind: proto.StatementAnybody, Account: q.Account, Application: q.App, Policy: q.Policy, CommonName: q.CommonName,
		ConfigRevision: max(seen, q.AppRevision),
	}
}

// renew obtains the next token in the background. After a failure, a later request tries again, a second later at the
// earliest.
func (k *Cache) renew(key serviceKey, have *obtained, q question, now time.Time) {
	tried := have.tried.Load()
	if now.UnixNano()-tried < int64(retryEvery) || !have.tried.CompareAndSwap(tried, now.UnixNano()) {
		return
	}
	go func() {
		if _, err := k.obtain(context.Background(), key, have, q); err != nil {
			k.log.Warn("failed to renew an application token, retrying", "token", key.token, "application", key.app, "err", err)
		}
	}()
}

// obtain requests the token after have, which is nil for the first one. Concurrent calls for the same token share one
// request.
func (k *Cache) obtain(ctx context.Context, key serviceKey, have *obtained, q question) (string, error) {
	var mine bool
	result := k.services.flights.DoChan(fmt.Sprint(key), func() (any, error) {
		mine = true
		if next := k.services.find(key); next != nil && next != have && k.clock.Now().Before(next.until) {
			return next.token, nil // another call was faster
		}
		// The request must not end with the context of one of its waiters.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
		defer cancel()
		return k.askFor(ctx, key, q)
	})
	select {
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	case r := <-result:
		var refused *proto.Error
		if errors.As(r.Err, &refused) && !mine {
			// The exchange rejected another caller's request, perhaps because of its address. Send this one
			// separately.
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			return k.askFor(ctx, key, q)
		}
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

func (k *Cache) askFor(ctx context.Context, key serviceKey, q question) (string, error) {
	now := k.clock.Now()
	subject, m := q.message(k.seen())
	answer, err := k.ask(ctx, subject, m)
	if err != nil {
		return "", err
	}
	k.services.keep(key, answer, now)
	return answer.Token, nil
}
