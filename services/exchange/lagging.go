package exchange

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// lags reports whether the exchange has not yet seen revisions that the sender of a request has seen. A decision by an
// older view could be wrong for good, such as "the application does not exist" about a new application. The exchange
// does not wait for its views: a request that names a revision which never comes would occupy a worker.
func (s *Service) lags(config, tokens uint64) bool {
	return s.catalog.Revision() < config || s.tokens.Revision() < tokens
}

func lagging() *proto.TokenAnswer {
	return &proto.TokenAnswer{Error: &proto.Error{Code: proto.CodeLagging,
		Message: "The exchange has not seen the newest configuration yet. Try again in a moment."}}
}

// lookUpTimeout bounds the time that a worker is occupied by [Service.outdated].
const lookUpTimeout = time.Second

// outdated reports whether credentials were denied by an older revision of their service token than the bucket has. A
// fetcher does not follow service tokens, so its requests for polls do not name their revisions. Reading the bucket for
// each denial is cheap: fetchers repeat a denied request every half second at most, and gateways check credentials
// themselves.
func (s *Service) outdated(ctx context.Context, q *proto.ServiceExchange, d decided) bool {
	switch d.reason {
	case policy.UnknownCredentials, policy.WrongSecret, policy.TokenDisabled, policy.TokenExpired:
	default:
		return false
	}
	key, err := topology.ServiceTokenKey(q.Account, q.ClientID)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	revision, err := s.conn.Get(ctx, topology.Tokens, key, new(proto.ServiceToken))
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return false
	}
	return revision > s.tokens.Revision()
}
