package gateway

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// loadColumn is a kind of request, as in test/bench/gateway.
type loadColumn struct {
	name   string
	body   int
	secure bool
	h2     bool
}

var loadColumns = []loadColumn{
	{name: "GET"},
	{name: "POST_1KB", body: 1 << 10},
	{name: "POST_64KB", body: 64 << 10},
	{name: "TLS", secure: true},
	{name: "HTTP2", secure: true, h2: true},
}

// BenchmarkRequest compares a request with a service token through the gateway with one through a bare
// httputil.ReverseProxy, both over loopback. The client and the origin allocate nothing, except for HTTP/2, so the
// allocations are those of the proxy.
func BenchmarkRequest(b *testing.B) {
	p := newPair(b)
	for _, c := range loadColumns {
		for _, side := range p.sides {
			b.Run(c.name+"/"+side.name, func(b *testing.B) {
				request := side.client(b, p.fixture, c)
				request()
				b.ReportAllocs()
				before := processTime(b)
				for b.Loop() {
					request()
				}
				// The process's own time is steadier than the clock on a shared machine.
				b.ReportMetric(float64(processTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// The allocations of the gateway in addition to those of a bare httputil.ReverseProxy, per request: the decision, the
// headers for the origin, and the list of requests in progress.
const (
	maxMore      = 50
	maxMoreBytes = 16 << 10 // with the race detector, sync.Pool drops a quarter of the buffers
)

// TestAllocationsPerRequest bounds the allocations of a request through the gateway, for bodies of any size.
func TestAllocationsPerRequest(t *testing.T) {
	p := newPair(t)
	for _, c := range loadColumns {
		if c.h2 {
			continue // the client allocates too
		}
		var objects, size [2]uint64
		for i, side := range p.sides {
			objects[i], size[i] = allocated(side.client(t, p.fixture, c))
		}
		t.Logf("%s: %d objects and %d bytes, bare %d and %d", c.name, objects[1], size[1], objects[0], size[0])
		if objects[1] > objects[0]+maxMore || size[1] > size[0]+maxMoreBytes {
			t.Errorf("%s: a request takes %d objects and %d bytes, through a bare proxy %d and %d", c.name, objects[1], size[1],
				objects[0], size[0])
		}
	}
}

// allocated returns the objects and bytes allocated by the whole process for a request. Other goroutines allocate now
// and then, so the lowest of several measurements counts.
func allocated(request func()) (objects, size uint64) {
	const requests = 100
	objects, size = 1<<62, 1<<62
	var before, after runtime.MemStats
	for range 10 {
		runtime.ReadMemStats(&before)
		for range requests {
			request()
		}
		runtime.ReadMemStats(&after)
		objects = min(objects, (after.Mallocs-before.Mallocs)/requests)
		size = min(size, (after.TotalAlloc-before.TotalAlloc)/requests)
	}
	return objects, size
}

// pair is a gateway and a bare reverse proxy with the same origin.
type pair struct {
	fixture *fixture
	sides   [2]side
}

type side struct {
	name          string
	plain, secure *httptest.Server
}

func newPair(t testing.TB) *pair {
	w := newFixture(t, Config{})
	origin := "http://" + rawOrigin(t)
	w.app("app.example.com", origin, nil, w.robots())
	to, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	bare := &httputil.ReverseProxy{BufferPool: new(pooled),
		Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		}}
	return &pair{w, [2]side{newSide(t, "bare", bare), newSide(t, "gateway", w.gateway.server.HTTP.Handler)}}
}

func newSide(t testing.TB, name string, h http.Handler) side {
	s := side{name, httptest.NewServer(h), httptest.NewUnstartedServer(h)}
	s.secure.EnableHTTP2 = true
	s.secure.StartTLS()
	t.Cleanup(s.plain.Close)
	t.Cleanup(s.secure.Close)
	return s
}

// client returns a function to make a request over a persistent connection.
func (s side) client(t testing.TB, w *fixture, c loadColumn) func() {
	server := s.plain
	if c.secure {
		server = s.secure
	}
	addr := server.Listener.Addr().String()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig
	if c.h2 {
		return clientHTTP2(t, w, addr, roots)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if c.secure {
		conn = tls.Client(conn,
			&tls.Config{RootCAs: roots.RootCAs, ServerName: "example.com", NextProtos: []string{"http/1.1"}})
	}
	method, length := "GET", ""
	if c.body > 0 {
		method, length = "POST", "Content-Length: "+strconv.Itoa(c.body)+"\r\n"
	}
	request := fmt.Appendf(nil,
		"%s /some/path?x=1 HTTP/1.1\r\nHost: app.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n%s%s\r\n\r\n%s",
		method, length, strings.Join(w.credentials(), "\r\n"), strings.Repeat("x", c.body))
	in := bufio.NewReaderSize(conn, 32<<10)
	return func() {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		status, length, err := readMessage(in)
		if err != nil || !bytes.Contains(status[:], []byte(" 200 ")) || length != len(rawBody) {
			t.Fatalf("%q with %d bytes, %v", status, length, err)
		}
	}
}

func clientHTTP2(t testing.TB, w *fixture, addr string, cfg *tls.Config) func() {
	tr := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: cfg.Clone(), DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		}}
	tr.TLSClientConfig.ServerName = "example.com"
	t.Cleanup(tr.CloseIdleConnections)
	return func() {
		r, err := http.NewRequest(http.MethodGet, "https://app.example.com/some/path?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret},
			"Accept": {"*/*"}}
		answer, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || answer.ProtoMajor != 2 || n != int64(len(rawBody)) {
			t.Fatalf("%s %s with %d bytes, %v", answer.Proto, answer.Status, n, err)
		}
	}
}

var rawBody = strings.Repeat("y", 1024)

// rawOrigin is an origin without allocations.
func rawOrigin(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
		len(rawBody), rawBody)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReaderSize(conn, 32<<10)
				for {
					if _, _, err := readMessage(in); err != nil {
						return
					}
					if _, err := conn.Write(answer); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// readMessage reads a message with a Content-Length, and returns the start of its first line.
func readMessage(in *bufio.Reader) (first [16]byte, length int, err error) {
	for at := 0; ; at++ {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return first, length, err
		case at == 0:
			copy(first[:], line)
		case len(line) <= 2:
			_, err = in.Discard(length)
			return first, length, err
		case len(line) > 16 && bytes.EqualFold(line[:15], []byte("content-length:")):
			length = 0
			for _, c := range bytes.TrimSpace(line[15:]) {
				length = 10*length + int(c-'0')
			}
		}
	}
}

// pooled holds buffers for the bare reverse proxy.
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
	w := newFixture(b, Config{})
	w.app("app.example.com", "http://127.0.0.1:1", nil, w.robots())
	front := &front{gate: w.gateway.gate, proxy: w.gateway.origins, login: w.gateway.login, clock: w.gateway.clock}
	r := httptest.NewRequest(http.MethodGet, "http://app.example.com/some/path?x=1", nil)
	r.RemoteAddr = "127.0.0.1:1234"
	r.Header = http.Header{"Cf-Access-Client-Id": {w.token.ClientID}, "Cf-Access-Client-Secret": {w.secret},
		"Accept": {"*/*"}}
	b.ReportAllocs()
	for b.Loop() {
		if q := front.read(r); !front.gate.Check(r.Context(), q.Request).Admitted() {
			b.Fatal("the request was denied")
		}
	}
}

func processTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
