package apitest

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// StartDispatcher starts a stand-in for the dispatchers, which answers every test of a destination with a result.
func (f *Fixture) StartDispatcher(result proto.DestinationTestResult) {
	listening := make(chan struct{})
	conn := f.Bus.Conn(topology.Dispatcher)
	f.run("the dispatcher", func(ctx context.Context) error {
		return conn.Answer(ctx, bus.Endpoint{
			Subject: topology.AllDestinationTests, Role: topology.Dispatcher,
			Listening: func() { close(listening) },
			Handle:    func(context.Context, *bus.Msg) proto.Message { return &result },
			Refuse:    func(err error) proto.Message { return &proto.DestinationTestResult{Error: err.Error()} },
		})
	})
	<-listening
}
