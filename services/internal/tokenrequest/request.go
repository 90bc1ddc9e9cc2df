// Package tokenrequest sends requests for tokens to the exchange.
package tokenrequest

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"
	"plumbline.dev/proto"
)

// ErrLagging is returned if no exchange has seen the revisions that the request names before its time is up.
var ErrLagging = errors.New("the exchange has not seen the newest configuration yet")

// Intervals between the attempts while the exchange is lagging.
const (
	firstPause = 10 * time.Millisecond
	maxPause   = 250 * time.Millisecond
)

// Bus sends a request to a service. [bus.Conn] implements it.
type Bus interface {
	Request(ctx context.Context, subject string, body, reply proto.Message) error
}

// Send sends a request and returns the answer. While the exchange has not seen the revisions that the request names,
// Send asks again, until ctx ends; any other answer, also a refusal, is final. The error is that of the bus, or
// [ErrLagging].
func Send(ctx context.Context, bus Bus, subject string, q proto.Message) (*proto.TokenAnswer, error) {
	lagged := false
	answer, err := backoff.RetryWithData(func() (*proto.TokenAnswer, error) {
		answer := new(proto.TokenAnswer)
		if err := bus.Request(ctx, subject, q, answer); err != nil {
			return nil, backoff.Permanent(err)
		}
		if answer.Error != nil && answer.Error.Code == proto.CodeLagging {
			lagged = true
			return nil, ErrLagging
		}
		return answer, nil
	}, backoff.WithContext(backoff.NewExponentialBackOff(backoff.WithInitialInterval(firstPause),
		backoff.WithMaxInterval(maxPause), backoff.WithMaxElapsedTime(0)), ctx))
	if err != nil && lagged && ctx.Err() != nil {
		err = ErrLagging // the last attempt was cut short
	}
	return answer, err
}
