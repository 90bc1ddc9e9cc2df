package httpserve

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
)

func newServer(h http.HandlerFunc) *Server {
	return &Server{Name: "test server (--addr)", Addr: "127.0.0.1:0", HTTP: &http.Server{Handler: h},
		Log: slog.New(slog.DiscardHandler)}
}

func run(t *testing.T, s *Server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	bustest.Eventually(t, "the server listens", func() bool { return s.Bound() != "" })
	return func() error { cancel(); return <-ended }
}

func TestServesUntilItsContextEnds(t *testing.T) {
	s := newServer(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	stop := run(t, s)
	r, err := http.Get("http://" + s.Bound())
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if string(body) != "hello" {
		t.Errorf("body %q", body)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// On shutdown, a request is cancelled, and cut off if it does not end.
func TestARequestThatHangsEndsWithTheServer(t *testing.T) {
	under := make(chan struct{})
	s := newServer(func(_ http.ResponseWriter, r *http.Request) { close(under); <-r.Context().Done() })
	s.Grace = 20 * time.Millisecond
	told := false
	s.Ending = func() { told = true }
	stop := run(t, s)
	go http.Get("http://" + s.Bound())
	<-under
	if err := stop(); err != nil || !told {
		t.Errorf("ended with %v, streams were told: %t", err, told)
	}
}

func TestATakenAddressIsSaid(t *testing.T) {
	first := newServer(nil)
	stop := run(t, first)
	second := newServer(nil)
	second.Addr = first.Bound()
	if err := second.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("error %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
