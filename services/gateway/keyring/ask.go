package keyring

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// askTimeout bounds one question to the exchange.
const askTimeout = 3 * time.Second

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
