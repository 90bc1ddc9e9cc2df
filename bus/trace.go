package bus

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracerName is the instrumentation scope of the bus's spans.
const tracerName = "plumbline.dev/bus"

// propagator puts a trace context into a message's headers as W3C traceparent and tracestate. A context
// that came from elsewhere is passed on even where this process records no spans.
var propagator propagation.TraceContext

// headerCarrier is NATS headers as a propagator wants them.
type headerCarrier nats.Header

func (h headerCarrier) Get(key string) string { return nats.Header(h).Get(key) }
func (h headerCarrier) Set(key, value string) { nats.Header(h).Set(key, value) }
func (h headerCarrier) Keys() []string {
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	return keys
}

// handling is the context in which a message is handled: a span of the stage, under the one that sent
// the message.
func (c *Conn) handling(ctx context.Context, stage string, m *Msg) (context.Context, trace.Span) {
	ctx = propagator.Extract(ctx, headerCarrier(m.Header))
	return c.tracer.Start(ctx, stage, trace.WithSpanKind(trace.SpanKindConsumer))
}
