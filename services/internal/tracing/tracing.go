// Package tracing exports spans to an OpenTelemetry collector, if one is configured.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// flushTimeout bounds the export of the last spans.
const flushTimeout = 2 * time.Second

// New returns a provider that exports the spans of a service to endpoint, an OTLP/HTTP base URL such as
// http://collector:4318; with an empty endpoint it records nothing. share, from 0 to 1, is the fraction of sampled
// traces among those that begin here; other traces keep their sampling. An unavailable collector loses spans and
// delays nothing. The returned function exports the remaining spans.
func New(ctx context.Context, service, endpoint string, share float64) (trace.TracerProvider, func() error, error) {
	if endpoint == "" {
		return noop.NewTracerProvider(), func() error { return nil }, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, nil, errors.New("the OTLP endpoint must be a URL such as http://127.0.0.1:4318")
	}
	if share < 0 || share > 1 {
		return nil, nil, fmt.Errorf("the share of traces to keep is %v, it must be from 0 to 1", share)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.JoinPath("v1/traces").String()))
	if err != nil {
		return nil, nil, fmt.Errorf("OTLP exporter: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(share))),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "plumbline-"+service))),
	)
	return provider, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
		defer cancel()
		return provider.Shutdown(ctx)
	}, nil
}
