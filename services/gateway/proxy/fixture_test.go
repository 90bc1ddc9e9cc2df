package proxy

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/policy"
)

// maxHead is somewhat more than the largest head of the answers in the tests.
const maxHead = 4 << 10

// host is an origin that a test speaks for: serve is called for each connection, the first is number 1.
type host struct {
	url   string
	conns atomic.Int32
}

func newHost(t testing.TB, serve func(n int, c net.Conn, in *bufio.Reader)) *host {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	h := &host{url: "http://" + l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n := int(h.conns.Add(1))
			go func() {
				defer c.Close()
				serve(n, c, bufio.NewReader(c))
			}()
		}
	}()
	return h
}

// saying is an origin that answers the first request of each connection with the same bytes, and then closes it.
func saying(t testing.TB, answer string) *host {
	return newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = io.WriteString(c, answer)
		}
	})
}

func newProxy(t testing.TB, cfg Config) *Proxy {
	t.Helper()
	p, err := New(cfg, slog.New(slog.DiscardHandler), func(policy.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = p.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return p
}

// serving is the URL of a server that sends all requests through the proxy to one origin.
func serving(t testing.TB, p *Proxy, origin string) string {
	t.Helper()
	s := httptest.NewServer(admitting(p, origin))
	t.Cleanup(s.Close)
	return s.URL
}

// admitting sends all requests through the proxy to one origin.
func admitting(p *Proxy, origin string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &gate.Answer{App: gate.Application{Value: &proto.Application{OriginURL: origin}}, Ray: "ray", Host: r.Host}
		u := *r.URL
		u.Scheme, u.Host = "http", r.Host
		p.Serve(w, r, Request{Request: &gate.Request{Method: r.Method, URL: &u, Header: r.Header, Body: r.ContentLength != 0},
			Answer: answer})
	})
}
