package fetcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/tokenrequest"
)

const (
	// confirmAfter is the time a token is used before the exchange is asked whether it is still valid; the exchange
	// answers from its cache. It is also the shortest time between two questions.
	confirmAfter = 500 * time.Millisecond
	// confirmedFor is the time a token is used without that answer, while the exchange can be reached: a disabled
	// service token, or a changed policy, stops the calls within a second.
	confirmedFor = 900 * time.Millisecond
	// aloneFor is how long a token is used while the exchange cannot be reached.
	aloneFor = 5 * time.Minute
	// exchangeTimeout bounds one question to the exchange.
	exchangeTimeout = 5 * time.Second
)

// tokenKey identifies a token: another revision of the credentials, or of the application, needs another one.
type tokenKey struct {
	ref
	integration uint64
	app         proto.ID
	appRevision uint64
}

// tokens obtains application tokens over the bus and uses them again for as long as the exchange confirms
// them. However many ask for the same one, the exchange is asked once.
type tokens struct {
	ask     func(context.Context, *proto.ServiceExchange) (*proto.TokenAnswer, error)
	clock   clock.Clock
	metrics *metrics
	flights singleflight.Group
	mu      sync.Mutex
	kept    map[tokenKey]keptToken
}

// keptToken is the last answer of the exchange: a token, or its absence.
type keptToken struct {
	token     string
	refusal   *problem  // set in place of a token
	until     time.Time // shortly before it expires
	confirmed time.Time // the time of the question the exchange last answered with it
	tried     time.Time // when it was last begun to ask again
	failed    time.Time // the time the exchange was last found unreachable
}

// usable reports whether the token may be used unless the exchange objects.
func (k *keptToken) usable(now time.Time) bool {
	return k.token != "" && now.Before(k.until) && now.Sub(k.confirmed) < aloneFor
}

// result is the outcome of a question.
type result struct {
	token   string
	problem *problem
}

func newTokens(ask func(context.Context, *proto.ServiceExchange) (*proto.TokenAnswer, error), c clock.Clock,
	m *metrics) *tokens {
	return &tokens{ask: ask, clock: c, metrics: m, kept: map[tokenKey]keptToken{}}
}

func (s *Service) askExchange(ctx context.Context, q *proto.ServiceExchange) (*proto.TokenAnswer, error) {
	return tokenrequest.Send(ctx, s.bus, topology.ExchangeService, q)
}

// get is the token to show a target, or why there is none.
func (t *tokens) get(ctx context.Context, at *target) (string, *problem) {
	if at.token == (tokenKey{}) {
		token, _, p := t.obtain(ctx, at)
		return token, p
	}
	known, ask := t.known(at.token)
	if !ask {
		return known.token, known.problem
	}
	flight := t.flights.DoChan(fmt.Sprint(at.token), func() (any, error) {
		// Not under ctx: the first caller may give up while the others still wait.
		return t.renew(context.WithoutCancel(ctx), at), nil
	})
	if known.token != "" {
		return known.token, nil // while the exchange is asked
	}
	select {
	case f := <-flight:
		r := f.Val.(result)
		return r.token, r.problem
	case <-ctx.Done():
		return "", &problem{reason: proto.ReasonAuthFailed, sentence: "No application token could be obtained in time."}
	}
}

// known returns the cached answer, and whether to ask now. Without a cached answer the caller has to wait.
func (t *tokens) known(key tokenKey) (r result, ask bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	k, there := t.kept[key]
	age := now.Sub(k.confirmed)
	switch {
	case !there:
		return result{}, true
	case age < confirmAfter && (k.refusal != nil || k.usable(now)):
		return result{k.token, k.refusal}, false
	case !k.usable(now) || age >= confirmedFor && now.Sub(k.failed) >= exchangeTimeout+confirmAfter:
		return result{}, true
	}
	if ask = now.Sub(k.tried) >= confirmAfter; ask {
		k.tried = now
		t.kept[key] = k
	}
	return result{token: k.token}, ask
}

// renew asks the exchange and caches the answer. If the exchange is unreachable, a token stays valid for a while.
func (t *tokens) renew(ctx context.Context, at *target) result {
	sent := t.clock.Now()
	token, until, p := t.obtain(ctx, at)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock.Now()
	if p != nil && p.retry {
		k := t.kept[at.token]
		if !k.usable(now) {
			return result{problem: p}
		}
		k.failed, k.tried = now, now
		t.kept[at.token] = k
		return result{token: k.token}
	}
	for other, old := range t.kept {
		// Of one integration only the newest credentials are of use.
		if !old.usable(now) || other.ref == at.token.ref {
			delete(t.kept, other)
		}
	}
	t.kept[at.token] = keptToken{token: token, refusal: p, until: until, confirmed: sent, tried: sent}
	return result{token, p}
}

func (t *tokens) obtain(ctx context.Context, at *target) (token string, until time.Time, p *problem) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	answer, err := t.ask(ctx, &proto.ServiceExchange{Account: at.account, ClientID: at.clientID, ClientSecret: at.secret,
		Application: at.app.Value.ID, ConfigRevision: at.access, TokensRevision: at.tokens})
	switch {
	case errors.Is(err, tokenrequest.ErrLagging):
		t.metrics.tokens.WithLabelValues("lagging").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed, retry: true,
			sentence: "No application token could be obtained: the exchange has not seen the newest configuration yet."}
	case err != nil:
		t.metrics.tokens.WithLabelValues("unreachable").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed, retry: true,
			sentence: "No application token could be obtained: the exchange does not answer."}
	case answer.Error != nil &&
		(answer.Error.Code == policy.Busy.String() || answer.Error.Code == policy.Unavailable.String()):
		t.metrics.tokens.WithLabelValues("unreachable").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed, retry: true,
			sentence: fmt.Sprintf("No application token could be obtained: %s (%s)", answer.Error.Message, answer.Error.Code)}
	case answer.Error != nil:
		t.metrics.tokens.WithLabelValues("refused").Inc()
		return "", time.Time{}, &problem{reason: proto.ReasonAuthFailed,
			sentence: fmt.Sprintf("The exchange refused an application token: %s (%s)", answer.Error.Message, answer.Error.Code)}
	}
	t.metrics.tokens.WithLabelValues("obtained").Inc()
	now := t.clock.Now()
	life := answer.ExpiresAt.Time().Sub(now)
	// It must still be valid when the API verifies it, even by a slightly fast clock.
	return answer.Token, now.Add(life - min(time.Minute, life/4)), nil
}

// refused drops a token rejected by an API; a newer one stays.
func (t *tokens) refused(at *target, token string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[at.token].token == token {
		delete(t.kept, at.token)
	}
}
