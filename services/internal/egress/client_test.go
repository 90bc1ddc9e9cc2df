package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/bustest/machine"
)

func client(t *testing.T, cfg Config) *http.Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

func wantKind(t *testing.T, err error, kind Kind) *Error {
	t.Helper()
	e := Explain(err)
	if e == nil || e.Kind != kind {
		t.Fatalf("%v: %+v, want kind %s", err, e, kind)
	}
	if !strings.HasSuffix(e.Sentence, ".") || strings.Contains(e.Sentence, "SECRET") {
		t.Errorf("sentence %q", e.Sentence)
	}
	return e
}

func TestRedirectIsReturned(t *testing.T) {
	var followed atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer other.Close()
	s := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	resp, err := get(t, client(t, Config{}), s.URL)
	if err != nil || resp.StatusCode != http.StatusTemporaryRedirect || followed.Load() {
		t.Fatalf("%v, %v, followed: %t", resp, err, followed.Load())
	}
}

func TestDialerRefuses(t *testing.T) {
	var called atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	defer s.Close()
	addr := s.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		name, url string
		cfg       Config
	}{
		{"our own port", "http://" + addr, Config{DenyAddrs: []string{addr}}},
		{"our own port by name", "http://localhost:" + port, Config{DenyAddrs: []string{addr}}},
		{"our own port on every address", "http://" + addr, Config{DenyAddrs: []string{":" + port}}},
		{"our own port by its name", "http://" + addr, Config{DenyAddrs: []string{"localhost:" + port}}},
		{"a denied network", "http://" + addr, Config{Deny: loopback}},
		{"a network that is not allowed", "http://localhost:" + port, Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
		{"unspecified", "http://0.0.0.0:" + port, Config{}},
		{"unspecified IPv6", "http://[::]:" + port, Config{}},
		{"mapped", "http://[::ffff:127.0.0.1]:" + port, Config{Deny: loopback}},
		{"link-local", "http://169.254.169.254/latest/meta-data", Config{}},
		{"public over http", "http://203.0.113.1/", Config{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := get(t, client(t, c.cfg), c.url)
			if e := wantKind(t, err, Denied); !e.Lasting() {
				t.Error("a denied address may be tried again")
			}
		})
	}
	if n := called.Load(); n != 0 {
		t.Errorf("the server was called %d times", n)
	}
	if _, err := get(t, client(t, Config{Allow: loopback}), "http://"+addr); err != nil || called.Load() != 1 {
		t.Errorf("what is allowed: %v", err)
	}
}

func TestHTTP2OverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.ProtoMajor)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	resp, err := get(t, client(t, Config{RootCAs: roots}), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "2" {
		t.Errorf("protocol %s, %v", body, err)
	}
	_, err = get(t, client(t, Config{}), s.URL)
	if e := wantKind(t, err, Untrusted); !e.Lasting() {
		t.Error("a certificate that is not trusted may be tried again")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	_, err := get(t, client(t, Config{RootCAs: roots}), s.URL)
	wantKind(t, err, Transport)
}

// raw serves each connection with a function.
func raw(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestFailures(t *testing.T) {
	closed, err := machine.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	headers := func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }
	silent := raw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	short := 50 * time.Millisecond
	for _, c := range []struct {
		name, url string
		cfg       Config
		kind      Kind
	}{
		{"nobody listens", "http://" + closed, Config{}, Transport},
		{"no such host", "https://" + strings.Repeat("x", 64) + ".invalid/?q=SECRET", Config{}, Transport},
		{"another scheme", "ftp://127.0.0.1/", Config{}, BadURL},
		{"no answer", "http://" + silent, Config{HeaderTimeout: short}, Timeout},
		{"no TLS handshake", "https://" + silent, Config{TLSTimeout: short}, Timeout},
		{"no TLS", "https://" + raw(t, func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 SECRET\r\n\r\n") }), Config{}, Transport},
		{"not HTTP", "http://" + raw(t, func(c net.Conn) { headers(c); fmt.Fprint(c, "SECRET\r\n\r\n") }), Config{}, Transport},
		{"closed", "http://" + raw(t, headers), Config{}, Transport},
		{"too many headers", "http://" + raw(t, func(c net.Conn) {
			headers(c)
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nX-A: %s\r\n\r\n", strings.Repeat("SECRET", 2000))
		}), Config{MaxHeaderBytes: 1000}, Transport},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := get(t, client(t, c.cfg), c.url)
			wantKind(t, err, c.kind)
		})
	}
	t.Run("the caller's deadline", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), short)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+silent, nil)
		_, err := client(t, Config{}).Do(req)
		wantKind(t, err, Timeout)
	})
	t.Run("the caller gives up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(short, cancel)
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+silent, nil)
		_, err := client(t, Config{}).Do(req)
		wantKind(t, err, Cancelled)
	})
	t.Run("cut off", func(t *testing.T) {
		resp, err := get(t, client(t, Config{}), "http://"+raw(t, func(c net.Conn) {
			headers(c)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nSECRET")
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.ReadAll(resp.Body)
		wantKind(t, err, Transport)
	})
	if Explain(nil) != nil {
		t.Error("no error was explained")
	}
	if e := Explain(fmt.Errorf("x: %w", badURL("Y."))); e.Sentence != "Y." || !errors.Is(e, e) {
		t.Error(e)
	}
}

func TestProxyVariablesAreIgnored(t *testing.T) {
	for _, on := range []bool{false, true} {
		for scheme, of := range *client(t, Config{Proxy: on}).Transport.(*transport) {
			if (of.Proxy != nil) != on {
				t.Errorf("proxy %t, %s: the environment counts: %t", on, scheme, of.Proxy != nil)
			}
		}
	}
}

func TestConnectionsAreBoundedAndKept(t *testing.T) {
	var open, most atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			most.Store(max(most.Load(), open.Add(1)))
		}
	}
	s.Start()
	defer s.Close()
	c := client(t, Config{MaxConnsPerHost: 2})
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 10 {
				var resp *http.Response
				if resp, err = c.Post(s.URL, "text/plain", strings.NewReader("x")); err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := open.Load(); n > 2 {
		t.Errorf("%d connections for 80 calls, at most 2 wanted", n)
	}
}
