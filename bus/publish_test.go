package bus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// Acknowledgements may be lost, for example with a stream's leader, or never sent, as here without the permission.
// Publishing many messages nevertheless ends with its context, and unacknowledged messages do not block later ones.
func TestPublishAllOutlivesLostAnswers(t *testing.T) {
	t.Parallel()
	c := bustest.Start(t).ConnWith(0, topology.Evaluator, bustest.PublishAsyncWithin(time.Second))
	all := make([]bus.Outgoing, 1000) // more than may be unanswered at once
	for i := range all {
		all[i] = bus.Outgoing{Subject: "posture.denied", Body: &proto.Input{Cause: proto.CauseExpired}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var errs []error
	if took := machine.Took(func() { errs = c.PublishAll(ctx, all) }); took > 3*time.Second {
		t.Errorf("it ended %v after its context", took)
	}
	for i := range all {
		if !errors.Is(errs[i], context.DeadlineExceeded) {
			t.Fatalf("message %d: %v", i, errs[i])
		}
	}
	later := bus.Outgoing{Subject: topology.Scores(bustest.NewPage()), Body: &proto.Input{Cause: proto.CauseExpired}}
	if err := errors.Join(c.PublishAll(t.Context(), []bus.Outgoing{later})...); err != nil {
		t.Error(err)
	}
}

func TestForwardKeepsBodyAndSchema(t *testing.T) {
	b := bustest.Start(t)
	api, a := b.Conn(topology.API), proto.NewAccount()
	m := &bus.Msg{Subject: "x", Data: []byte("unknown"),
		Header: map[string][]string{proto.HeaderSchema: {"x.9"}, "Nats-TTL": {"1s"}}}
	subject := topology.ActionOutbox(a, proto.NewID())
	if err := api.Forward(t.Context(), subject, m); err != nil {
		t.Fatal(err)
	}
	got, err := api.LeaderLast(t.Context(), topology.AuditOutbox, subject)
	if err != nil || string(got.Data) != "unknown" || got.Header.Get(proto.HeaderSchema) != "x.9" ||
		got.Header.Get("Nats-TTL") != "" {
		t.Errorf("%+v, %v", got, err)
	}
}
