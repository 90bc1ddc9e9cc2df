package httpserve_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/internal/httpserve"
)

// boundedServer runs a server for up to most connections until the test ends.
func boundedServer(t *testing.T, most int, h http.Handler) string {
	t.Helper()
	s := &httpserve.Server{Name: "test", Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), MaxConns: most,
		HTTP: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}}
	bustest.Run(t, s.Run)
	bustest.Eventually(t, "the server listens", func() bool { return s.Bound() != "" })
	return s.Bound()
}

func dial(t *testing.T, addr, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

func answered(t *testing.T, c net.Conn) bool {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither an answer nor an end")
	}
	return err == nil && r.StatusCode == http.StatusOK
}

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// Connections without a complete request make room for others. A request in progress keeps its connection.
func TestUnfinishedConnectionsMakeRoom(t *testing.T) {
	inside, finish := make(chan struct{}, 1), make(chan struct{})
	addr := boundedServer(t, 4, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			inside <- struct{}{}
			<-finish
		}
	}))
	slow := dial(t, addr, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-inside
	var idle []net.Conn
	for i := range 40 {
		text := ""
		if i%2 == 1 {
			text = "GET / HTTP/1.1\r\nHost:"
		}
		idle = append(idle, dial(t, addr, text))
	}
	for range 10 {
		if !answered(t, dial(t, addr, request)) {
			t.Fatal("a request got no answer")
		}
	}
	for i, c := range idle {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("unfinished connection %d was kept: %v", i, err)
		}
	}
	close(finish)
	if !answered(t, slow) {
		t.Error("a request in progress lost its connection")
	}
}

// If every connection has a request in progress, a new one is closed.
func TestRequestsInProgressKeepTheirConnections(t *testing.T) {
	inside, finish := make(chan struct{}, 3), make(chan struct{})
	addr := boundedServer(t, 3, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		inside <- struct{}{}
		<-finish
	}))
	var all []net.Conn
	for range 3 {
		all = append(all, dial(t, addr, request))
		<-inside
	}
	if answered(t, dial(t, addr, "")) {
		t.Error("a connection above the limit was answered")
	}
	close(finish)
	for _, c := range all {
		if !answered(t, c) {
			t.Error("a request in progress lost its connection")
		}
	}
}
