package keyring

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// askTimeout bounds one question to the exchange.
const askTimeout = 3 * time.Second

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

// serviceKey is what a token is kept for: any change of the service token or the application wants another.
type serviceKey struct {
	token         proto.ID
	tokenRevision uint64
	app           proto.ID
	appRevision   uint64
}

// obtained is a token of a service.
type obtained struct {
	token string
	// renew is when the next one is asked for, until when this one is handed out.
	renew, until time.Time
	tried        atomic.Int64 // when the next one was last asked for, in Unix nanoseconds
}

// services are the tokens of services.
type services struct {
	max     int
	mu      sync.RWMutex
	kept    map[serviceKey]*obtained
	flights singleflight.Group
}

func (s *services) init(max int) {
	if max <= 0 {
		max = 16384
	}
	s.max, s.kept = max, map[serviceKey]*obtained{}
}

// Service gives a service's application token. It is obtained once for each state of the service token and
// of the application, however many ask, and used until shortly before it expires; the next one is obtained
// ahead of that, by a request that does not wait for it. The error is a [*proto.Error] where the exchange
// refuses, whose code is a policy reason, and wraps [ErrUnavailable] where it does not answer.
func (k *Keyring) Service(ctx context.Context, q ServiceRequest) (token string, err error) {
	key := serviceKey{q.Token, q.TokenRevision, q.App, q.AppRevision}
	now := k.clock.Now()
	k.services.mu.RLock()
	have := k.services.kept[key]
	k.services.mu.RUnlock()
	switch {
	case have == nil || !now.Before(have.until):
		return k.obtain(ctx, key, q)
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
		if _, err := k.obtain(context.Background(), key, q); err != nil {
			k.log.Warn("cannot renew a service's application token yet", "token", q.Token, "application", q.App, "err", err)
		}
	}()
}

// obtain asks the exchange, once for all who want the same.
func (k *Keyring) obtain(ctx context.Context, key serviceKey, q ServiceRequest) (string, error) {
	var mine bool
	result := k.services.flights.DoChan(fmt.Sprint(key), func() (any, error) {
		mine = true
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

// keep keeps a token that has some life left. The exchange hands one token out until a tenth of its life, or
// five minutes, is left: before that there is no other to be had.
func (s *services) keep(key serviceKey, answer *proto.TokenAnswer, now time.Time) {
	expires := answer.ExpiresAt.Time()
	left := expires.Sub(now)
	if left <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.kept[key]; !there && len(s.kept) >= s.max {
		s.makeRoom(now)
	}
	s.kept[key] = &obtained{
		token: answer.Token, renew: expires.Add(-min(left/10, 5*time.Minute)), until: expires.Add(-min(left/20, 30*time.Second)),
	}
}

// makeRoom drops the tokens that are over, and where that is not enough, some others.
func (s *services) makeRoom(now time.Time) {
	for key, o := range s.kept {
		if !now.Before(o.until) {
			delete(s.kept, key)
		}
	}
	for key := range s.kept {
		if len(s.kept) <= s.max-max(s.max/8, 1) {
			return
		}
		delete(s.kept, key)
	}
}

// User gives the token of a person who has logged in; see [Keyring.Service] for the errors. Nothing is kept:
// the person's browser does that.
func (k *Keyring) User(ctx context.Context, q *proto.UserExchange) (*proto.TokenAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	return k.ask(ctx, topology.ExchangeUser, q)
}

// ask puts a question that a token answers.
func (k *Keyring) ask(ctx context.Context, subject string, q proto.Message) (*proto.TokenAnswer, error) {
	answer := new(proto.TokenAnswer)
	if err := k.bus.Request(ctx, subject, q, answer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case answer.Error != nil:
		return nil, answer.Error
	case answer.Token == "":
		return nil, fmt.Errorf("%w: the answer holds no token", ErrUnavailable)
	}
	return answer, nil
}
