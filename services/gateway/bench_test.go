package gateway

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
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
	bare := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(origin)
		r.SetXForwarded()
	}})
	b.Cleanup(bare.Close)
	for _, c := range []struct{ name, addr string }{{"bare", bare.Listener.Addr().String()}, {"gateway", w.gateway.AccessAddr()}} {
		b.Run(c.name, func(b *testing.B) { w.load(b, c.addr) })
	}
}

// load sends requests over connections that stay open.
func (w *world) load(b *testing.B, addr string) {
	dial := &http.Transport{MaxIdleConnsPerHost: 64, Dial: func(string, string) (net.Conn, error) { return net.Dial("tcp", addr) }}
	defer dial.CloseIdleConnections()
	b.SetParallelism(16)
	b.ReportAllocs()
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
