package keycache

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/tokenrequest"
)

// askTimeout bounds one request to the exchange.
const askTimeout = 3 * time.Second

// User returns the token of a person who has logged in; see [Cache.Service] for the errors. It caches nothing,
// because the person's browser keeps the token.
func (k *Cache) User(ctx context.Context, q *proto.UserExchange) (*proto.TokenAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked := *q
	asked.ConfigRevision = k.seen()
	return k.ask(ctx, topology.ExchangeUser, &asked)
}

// ask sends a request to the exchange and returns the token in its reply.
func (k *Cache) ask(ctx context.Context, subject string, q proto.Message) (*proto.TokenAnswer, error) {
	answer, err := tokenrequest.Send(ctx, k.bus, subject, q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	switch {
	case answer.Error != nil:
		return nil, answer.Error
	case answer.Token == "":
		return nil, fmt.Errorf("%w: the reply has no token", ErrUnavailable)
	}
	return answer, nil
}
