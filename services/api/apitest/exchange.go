package apitest

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// StartExchange starts a stand-in for the exchange, which answers commands about signing keys.
func (f *Fixture) StartExchange(answer func(*proto.KeysCommand) *proto.KeysAnswer) {
	listening := make(chan struct{})
	conn := f.Bus.Conn(topology.Exchange)
	handle := func(_ context.Context, m *bus.Msg) proto.Message {
		var c proto.KeysCommand
		if err := m.Decode(&c); err != nil {
			return &proto.KeysAnswer{Error: &proto.Error{Code: "bad", Message: err.Error()}}
		}
		return answer(&c)
	}
	refuse := func(err error) proto.Message {
		return &proto.KeysAnswer{Error: &proto.Error{Code: "busy", Message: err.Error()}}
	}
	f.run("the exchange", func(ctx context.Context) error {
		return conn.Answer(ctx, bus.Endpoint{
			Subject: topology.KeysCommands, Role: topology.Exchange, Listening: func() { close(listening) },
			Handle: handle, Refuse: refuse,
		})
	})
	<-listening
}
