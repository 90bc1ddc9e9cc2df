package tokenrequest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"plumbline.dev/proto"
)

// answers is a bus with an exchange that gives the answers in order, and the last one again and again.
type answers struct {
	all  []*proto.TokenAnswer
	err  error
	sent int
}

func (a *answers) Request(ctx context.Context, _ string, _, reply proto.Message) error {
	n := min(a.sent, len(a.all)-1)
	a.sent++
	if a.err != nil || ctx.Err() != nil {
		return errors.Join(a.err, ctx.Err())
	}
	*reply.(*proto.TokenAnswer) = *a.all[n]
	return nil
}

func refused(code string) *proto.TokenAnswer {
	return &proto.TokenAnswer{Error: &proto.Error{Code: code}}
}

func TestSend(t *testing.T) {
	lagging, denied, token := refused(proto.CodeLagging), refused("denied"), &proto.TokenAnswer{Token: "t"}
	away := errors.New("nobody answers")
	for _, c := range []struct {
		name string
		bus  answers
		sent int
		want *proto.TokenAnswer
		err  error
	}{
		{"a token", answers{all: []*proto.TokenAnswer{token}}, 1, token, nil},
		{"a refusal is final", answers{all: []*proto.TokenAnswer{denied, token}}, 1, denied, nil},
		{"lagging twice, then a token", answers{all: []*proto.TokenAnswer{lagging, lagging, token}}, 3, token, nil},
		{"lagging, then a refusal", answers{all: []*proto.TokenAnswer{lagging, denied, token}}, 2, denied, nil},
		{"no exchange", answers{all: []*proto.TokenAnswer{token}, err: away}, 1, nil, away},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				got, err := Send(ctx, &c.bus, "subject", &proto.ServiceExchange{})
				if !errors.Is(err, c.err) || c.bus.sent != c.sent {
					t.Errorf("%v after %d requests", err, c.bus.sent)
				}
				if (got == nil) != (c.want == nil) || got != nil && (got.Token != c.want.Token || got.Error != c.want.Error) {
					t.Errorf("%+v", got)
				}
			})
		})
	}
}

// An exchange that never catches up is asked again until the time of the request is up, ever more rarely.
func TestSendGivesUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, bus := time.Now(), &answers{all: []*proto.TokenAnswer{refused(proto.CodeLagging)}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		answer, err := Send(ctx, bus, "subject", &proto.ServiceExchange{})
		if answer != nil || !errors.Is(err, ErrLagging) || time.Since(start) != 5*time.Second {
			t.Errorf("%+v, %v after %v", answer, err, time.Since(start))
		}
		if bus.sent < 5 || bus.sent > 60 {
			t.Errorf("%d requests", bus.sent)
		}
	})
}
