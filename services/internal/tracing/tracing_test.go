package tracing

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestSpansReachTheCollector(t *testing.T) {
	paths := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case paths <- r.URL.Path:
		default:
		}
	}))
	defer collector.Close()
	provider, flush, err := New(t.Context(), "fetcher", collector.URL, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "poll")
	span.End()
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	if path := <-paths; path != "/v1/traces" {
		t.Errorf("sent to %s", path)
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"": true, "http://127.0.0.1:4318": true, "https://otel.example.com/base": true, "127.0.0.1:4318": false, "grpc://x": false,
	} {
		if _, _, err := New(t.Context(), "fetcher", endpoint, 1); (err == nil) != ok {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if _, _, err := New(t.Context(), "fetcher", "http://127.0.0.1:1", 2); err == nil {
		t.Error("a share of 2 was taken")
	}
}
