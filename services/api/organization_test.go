package api

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// fakeExchange answers about keys.
func (y *system) fakeExchange(answer func(*proto.KeysCommand) *proto.KeysAnswer) {
	listening := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	conn := y.bus.Conn(topology.Exchange)
	go func() {
		ended <- conn.Answer(ctx, bus.Endpoint{Subject: topology.KeysCommands, Role: topology.Exchange, Listening: func() { close(listening) },
			Handle: func(_ context.Context, m *bus.Msg) proto.Message {
				var c proto.KeysCommand
				if err := m.Decode(&c); err != nil {
					return &proto.KeysAnswer{Error: &proto.Error{Code: "bad", Message: err.Error()}}
				}
				return answer(&c)
			},
			Refuse: func(err error) proto.Message {
				return &proto.KeysAnswer{Error: &proto.Error{Code: "busy", Message: err.Error()}}
			}})
	}()
	<-listening
	y.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			y.t.Error(err)
		}
	})
}
