package gateway

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRequest compares a request with a service token through the gateway with one through a bare
// reverse proxy, both over loopback to the same origin, from the same clients.
func BenchmarkRequest(b *testing.B) {
	w := newWorld(b, Config{})
	w.origin.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(rw, "hello")
	})
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	origin, err := url.Parse(w.origin.URL)
	if err != nil {
		b.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 256
	transport.DisableCompression = true
	bare := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, BufferPool: new(pooled), Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(origin)
		r.SetXForwarded()
	}})
	b.Cleanup(bare.Close)
	for _, c := range []struct{ name, addr string }{{"bare", bare.Listener.Addr().String()}, {"gateway", w.gateway.AccessAddr()}} {
		b.Run(c.name, func(b *testing.B) { w.load(b, c.addr) })
	}
}

// pooled are the buffers of a bare reverse proxy that was not made to look bad.
type pooled struct{ sync.Pool }

func (p *pooled) Get() []byte {
	if b, ok := p.Pool.Get().(*[32 << 10]byte); ok {
		return b[:]
	}
	return make([]byte, 32<<10)
}

func (p *pooled) Put(b []byte) { p.Pool.Put((*[32 << 10]byte)(b)) }

// BenchmarkDecision is the part of a request that the gateway adds to a reverse proxy: reading the request and
// deciding about it.
func BenchmarkDecision(b *testing.B) {
	w := newWorld(b, Config{})
	w.app("app.example.com", "http://127.0.0.1:1", nil, w.robots())
	handler := w.gateway.server.HTTP.Handler.(*front)
	r := httptest.NewRequest(http.MethodGet, "http://app.example.com/some/path?x=1", nil)
	r.RemoteAddr = "127.0.0.1:1234"
	r.Header = http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret}, "Accept": {"*/*"}}
	b.ReportAllocs()
	for b.Loop() {
		if q := handler.read(r); !handler.gate.Check(r.Context(), q.Request).Admitted() {
			b.Fatal("the request was denied")
		}
	}
}

// load sends requests over connections that stay open.
func (w *world) load(b *testing.B, addr string) {
	dial := &http.Transport{MaxIdleConnsPerHost: 64, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}}
	defer dial.CloseIdleConnections()
	b.SetParallelism(16)
	b.ReportAllocs()
	before := cpuTime(b)
	// What the process used tells more than the clock does where others use the machine too.
	defer func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") }()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r, err := http.NewRequest(http.MethodGet, "http://app.example.com/some/path?x=1", nil)
			if err != nil {
				b.Error(err)
				return
			}
			r.Header = http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret}, "Accept": {"*/*"}}
			answer, err := dial.RoundTrip(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				b.Errorf("status %d", answer.StatusCode)
				return
			}
		}
	})
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
