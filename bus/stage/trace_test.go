package stage_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"plumbline.dev/bus"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/stage"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

func TestTraceContextGoesWithTheMessage(t *testing.T) {
	b := bustest.Start(t)
	sent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2},
		TraceFlags: trace.FlagsSampled})
	ctx := trace.ContextWithRemoteSpanContext(t.Context(), sent)
	if _, err := b.Conn(topology.Fetcher).Publish(ctx,
		bus.Outgoing{Subject: topology.Scores(bustest.NewPage()), Body: &proto.Input{}}); err != nil {
		t.Fatal(err)
	}
	got := make(chan trace.TraceID, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go stage.Consume(ctx, b.Conn(topology.Evaluator),
		stage.Stage{Name: "evaluate", Stream: topology.PostureScores, Consumer: topology.ConsumerEvaluate},
		func(ctx context.Context, _ *bus.Msg) error {
			got <- trace.SpanContextFromContext(ctx).TraceID()
			return nil
		})
	if id := <-got; id != sent.TraceID() {
		t.Errorf("handled under trace %s, sent under %s", id, sent.TraceID())
	}
}
