package bus

import (
	"context"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracerName is the instrumentation scope of the bus's spans.
const tracerName = "plumbline.dev/bus"

// propagator writes a trace context to the headers of a message as W3C traceparent and tracestate. A received context
// is propagated even if this process records no spans.
var propagator propagation.TraceContext

// headerCarrier adapts NATS headers to a propagator.
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

// StartSpan starts the span for handling a message, as a child of the span in its headers, and returns its context.
func (c *Conn) StartSpan(ctx context.Context, name string, m *Msg) (context.Context, trace.Span) {
	ctx = propagator.Extract(ctx, headerCarrier(m.Header))
	return c.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer))
}
