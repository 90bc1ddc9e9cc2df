package admin

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestEndpoints(t *testing.T) {
	var unready error
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "plumbline_test"}, func() float64 {
		return 42
	}))
	s := New("127.0.0.1:0", metrics, func(context.Context) error { return unready }, slog.New(slog.DiscardHandler))
	get := func(path string) (int, string) {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		path, body string
		unready    error
		code       int
	}{
		{"/healthz", "ok", errors.New("no NATS"), 200},
		{"/readyz", "ready", nil, 200},
		{"/readyz", "no NATS", errors.New("no NATS"), 503},
		{"/metrics", "plumbline_test 42", nil, 200},
		{"/debug/pprof/", "", nil, 404},
	} {
		unready = c.unready
		if code, body := get(c.path); code != c.code || !strings.Contains(body, c.body) {
			t.Errorf("%s: %d %q", c.path, code, body)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := New("127.0.0.1:0", prometheus.NewRegistry(), func(context.Context) error {
		return nil
	}, slog.New(slog.DiscardHandler))
	if err := s.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
