package fetcher

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
)

const (
	// maxTokenAge is how long a token is used, however long it would last.
	maxTokenAge = time.Hour
	// exchangeTimeout bounds one question to the exchange.
	exchangeTimeout = 5 * time.Second
)

// tokenKey is what a token was obtained for: another revision of the credentials, or of the application,
// wants another one.
type tokenKey struct {
	ref
	integration uint64
	app         proto.ID
	appRevision uint64
}

// tokens obtains application tokens over the bus and keeps them until shortly before they expire. However
// many ask for the same one, the exchange is asked once.
type tokens struct {
	ask     func(context.Context, *proto.ServiceExchange) (*proto.TokenAnswer, error)
	clock   clock.Clock
	metrics *metrics
	flights singleflight.Group
	mu      sync.Mutex
	kept    map[tokenKey]keptToken
}

type keptToken struct {
	token string
	until time.Time
}

func newTokens(ask func(context.Context, *proto.ServiceExchange) (*proto.TokenAnswer, error), c clock.Clock, m *metrics) *tokens {
	return &tokens{ask: ask, clock: c, metrics: m, kept: map[tokenKey]keptToken{}}
}

func (s *Service) askExchange(ctx context.Context, q *proto.ServiceExchange) (*proto.TokenAnswer, error) {
	answer := new(proto.TokenAnswer)
	return answer, s.bus.Request(ctx, topology.ExchangeService, q, answer)
}

// get is the token to show a target, or why there is none.
func (t *tokens) get(ctx context.Context, at *target) (string, *problem) {
	if at.token == (tokenKey{}) {
		token, _, p := t.obtain(ctx, at)
		return token, p
	}
	t.mu.Lock()
	k, ok := t.kept[at.token]
	t.mu.Unlock()
	if ok && t.clock.Now().Before(k.until) {
		return k.token, nil
	}
	type result struct {
		token   string
		problem *problem
	}
	flight := t.flights.DoChan(fmt.Sprint(at.token), func() (any, error) {
		// Not under ctx: whoever asked first may give up, the others still want it.
		token, until, p := t.obtain(context.WithoutCancel(ctx), at)
		if p == nil {
			t.keep(at.token, keptToken{token, until})
		}
		return result{token, p}, nil
	})
	select {
	case f := <-flight:
		r := f.Val.(result)
		return r.token, r.problem
	case <-ctx.Done():
		return "", &problem{reason: proto.ReasonAuthFailed, sentence: "No application token could be obtained in time."}
	}
}

func (t *tokens) obtain(ctx context.Context, at *target) (token string, until time.Time, p *problem) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	answer, err := t.ask(ctx, &proto.ServiceExchange{Account: at.account, ClientID: at.clientID, ClientSecret: at.secret, Application: at.app.Value.ID})
	switch {
	case err != nil:
		t.metrics.tokens.WithLabelValues("unreachable").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed, retry: true,
			sentence: "No application token could be obtained: the exchange does not answer."}
	case answer.Error != nil:
		t.metrics.tokens.WithLabelValues("refused").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed,
			sentence: fmt.Sprintf("The exchange refused an application token: %s (%s)", answer.Error.Message, answer.Error.Code)}
	}
	t.metrics.tokens.WithLabelValues("obtained").Inc()
	now := t.clock.Now()
	life := answer.ExpiresAt.Time().Sub(now)
	// It must still be good when the API looks at it, also by a clock that is a little fast.
	return answer.Token, now.Add(min(life-min(time.Minute, life/4), maxTokenAge)), nil
}

func (t *tokens) keep(key tokenKey, k keptToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	for other, old := range t.kept {
		// Of one integration only the newest credentials are of use.
		if !now.Before(old.until) || other.ref == key.ref {
			delete(t.kept, other)
		}
	}
	t.kept[key] = k
}

// refused forgets a token that an API did not take; a newer one, obtained meanwhile, stays.
func (t *tokens) refused(at *target, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[at.token].token == token {
		delete(t.kept, at.token)
	}
}
