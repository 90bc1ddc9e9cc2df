package keys

import (
	"context"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestCommandsOverTheBus(t *testing.T) {
	w := newFixture(t, bustest.Start(t))
	r := w.start()
	w.settled(r)
	listening := make(chan struct{})
	e := r.Endpoint()
	e.Listening = func() { close(listening) }
	bustest.Run(t, func(ctx context.Context) error { return r.conn.Answer(ctx, e) })
	<-listening
	api := w.bus.Conn(topology.API)
	ask := func(q *proto.KeysCommand) *proto.KeysAnswer {
		t.Helper()
		var a proto.KeysAnswer
		bounded, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := api.Request(bounded, topology.KeysCommands, q, &a); err != nil {
			t.Fatal(err)
		}
		return &a
	}
	if a := ask(&proto.KeysCommand{IntervalDays: 365}); a.Error != nil || a.IntervalDays != 365 {
		t.Errorf("%+v", a)
	}
	for _, days := range []int{-1, 1, 20, 366} {
		if a := ask(&proto.KeysCommand{IntervalDays: days}); a.Error == nil || a.Error.Code != CodeInterval {
			t.Errorf("%d days: %+v", days, a)
		}
	}
	if a := ask(&proto.KeysCommand{}); a.IntervalDays != 365 {
		t.Errorf("%+v", a)
	}
	m, err := api.NATS().Request(topology.KeysCommands, []byte("x"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var a proto.KeysAnswer
	if err := proto.Unmarshal(m.Data, &a); err != nil || a.Error == nil {
		t.Errorf("%+v, %v", a, err)
	}
}
