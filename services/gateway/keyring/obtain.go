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
	key := serviceKey{token: q.Token, tokenRevision: q.TokenRevision, app: q.App, appRevision: q.AppRevision}
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

// AnybodyRequest is the request of nobody known that wants an application token: a Service Auth policy must
// have admitted it.
type AnybodyRequest struct {
	Account     proto.Account
	App         proto.ID
	AppRevision uint64
	Policy      proto.ID
	CommonName  string // of the client certificate; empty: none
}

// Anybody gives the application token of requests that a policy admits whoever makes them, as
// [Keyring.Service] does: one for each common name.
func (k *Keyring) Anybody(ctx context.Context, q AnybodyRequest) (token string, err error) {
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

// question is what the exchange is asked for a token of a service, or of anybody.
type question interface {
	message() (subject string, m proto.Message)
}

func (q *ServiceRequest) message() (string, proto.Message) {
	return topology.ExchangeService, &proto.ServiceExchange{
		Account: q.Account, ClientID: q.ClientID, ClientSecret: q.ClientSecret, Application: q.App, IP: q.IP, Vouched: q.Vouched,
	}
}

func (q *AnybodyRequest) message() (string, proto.Message) {
	return topology.Statements, &proto.Statement{
		Kind: proto.StatementAnybody, Account: q.Account, Application: q.App, Policy: q.Policy, CommonName: q.CommonName,
	}
}

// renew obtains the token that comes after one, in the background. One that fails is tried again a second
// later, by another request.
func (k *Keyring) renew(key serviceKey, have *obtained, q question, now time.Time) {
	tried := have.tried.Load()
	if now.UnixNano()-tried < int64(retryEvery) || !have.tried.CompareAndSwap(tried, now.UnixNano()) {
		return
	}
	go func() {
		if _, err := k.obtain(context.Background(), key, have, q); err != nil {
			k.log.Warn("cannot renew an application token yet", "token", key.token, "application", key.app, "err", err)
		}
	}()
}

// obtain asks the exchange, once for all who want the same: what comes after the token that they have, nil
// where they have none.
func (k *Keyring) obtain(ctx context.Context, key serviceKey, have *obtained, q question) (string, error) {
	var mine bool
	result := k.services.flights.DoChan(fmt.Sprint(key), func() (any, error) {
		mine = true
		if next := k.services.find(key); next != nil && next != have && k.clock.Now().Before(next.until) {
			return next.token, nil // somebody was a moment sooner
		}
		// Not under the ctx of one of those who wait.
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
			// Another request was refused, which may have come from elsewhere. This one is heard itself.
			ctx, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			return k.askFor(ctx, key, q)
		}
		token, _ := r.Val.(string)
		return token, r.Err
	}
}

func (k *Keyring) askFor(ctx context.Context, key serviceKey, q question) (string, error) {
	now := k.clock.Now()
	subject, m := q.message()
	answer, err := k.ask(ctx, subject, m)
	if err != nil {
		return "", err
	}
	k.services.keep(key, answer, now)
	return answer.Token, nil
}
