package proxy

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// stale is an origin that answers one request on each connection, closes it without notice, and then tells so.
type stale struct {
	url    string
	closed chan struct{}
	bodies chan string
	roots  *x509.CertPool
}

func newStale(t *testing.T, secure bool) *stale {
	s := &stale{closed: make(chan struct{}), bodies: make(chan string, 1)}
	var cfg *tls.Config
	if secure {
		of := httptest.NewTLSServer(nil) // for its certificate
		t.Cleanup(of.Close)
		cfg, s.roots = of.TLS.Clone(), x509.NewCertPool()
		cfg.NextProtos = nil
		s.roots.AddCert(of.Certificate())
	}
	h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		if secure {
			c = tls.Server(c, cfg)
			in = bufio.NewReader(c)
		}
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			body = []byte(err.Error())
		}
		s.bodies <- string(body)
		_, _ = io.WriteString(c, hello)
		c.Close()
		s.closed <- struct{}{}
	})
	if s.url = h.url; secure {
		s.url = strings.Replace(h.url, "http://", "https://", 1)
	}
	return s
}

// If the origin closed an idle connection and nothing of the request was written, the request is retried on another
// connection, for any method, with its whole body.
func TestRequestsAfterTheOriginHasClosed(t *testing.T) {
	large := strings.Repeat("large ", 50_000)
	for _, secure := range []bool{false, true} {
		origin := newStale(t, secure)
		through := serving(t, newProxy(t, Config{RootCAs: origin.roots}), origin.url)
		for i := range 150 {
			var body io.Reader // chunked, unless it is a strings.Reader
			method, want := http.MethodPost, ""
			switch i % 5 {
			case 1:
				want = "small"
				body = strings.NewReader(want)
			case 2:
				want = "chunked"
				body = io.MultiReader(strings.NewReader(want))
			case 3:
				method, want = http.MethodPut, large
				body = strings.NewReader(want)
			case 4:
				method = http.MethodDelete
			}
			r, err := http.NewRequestWithContext(t.Context(), method, through, body)
			if err != nil {
				t.Fatal(err)
			}
			a, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			if a.StatusCode != http.StatusOK {
				t.Fatalf("TLS %t, request %d, %s: status %d", secure, i, method, a.StatusCode)
			}
			if got := <-origin.bodies; got != want {
				t.Fatalf("TLS %t, request %d, %s: the origin got %d bytes: %.20q", secure, i, method, len(got), got)
			}
			<-origin.closed
		}
	}
}

// A request possibly executed by an origin is retried only if its method is idempotent.
func TestRequestsThatTheOriginMayHaveCarriedOut(t *testing.T) {
	for method, want := range map[string]struct{ status, requests int }{
		http.MethodPost: {http.StatusBadGateway, 2}, http.MethodPatch: {http.StatusBadGateway, 2}, http.MethodGet: {http.StatusBadGateway, 3},
	} {
		requests := make(chan struct{}, 10)
		h := newHost(t, func(n int, c net.Conn, in *bufio.Reader) {
			for i := range 2 {
				r, err := http.ReadRequest(in)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				requests <- struct{}{}
				if i > 0 || n > 1 {
					return // without an answer
				}
				_, _ = io.WriteString(c, hello)
			}
		})
		through := serving(t, newProxy(t, Config{}), h.url)
		for i, status := range []int{http.StatusOK, want.status} {
			r, err := http.NewRequestWithContext(t.Context(), method, through, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			a, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			if a.StatusCode != status {
				t.Errorf("%s, request %d: status %d, want %d", method, i, a.StatusCode, status)
			}
		}
		if got := len(requests); got != want.requests {
			t.Errorf("%s: the origin got %d requests, want %d", method, got, want.requests)
		}
	}
}

func TestReplay(t *testing.T) {
	again := true
	r := &replay{from: strings.NewReader(strings.Repeat("0123456789", 10_000)), again: func() bool { return again }}
	first, _ := r.body()
	some := make([]byte, 15)
	if _, err := io.ReadFull(first, some); err != nil {
		t.Fatal(err)
	}
	second, err := r.body()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(some); !errors.Is(err, errOtherTurn) {
		t.Errorf("an earlier attempt reads on: %v", err)
	}
	first.Close()
	all, err := io.ReadAll(second)
	if err != nil || string(all) != strings.Repeat("0123456789", 10_000) {
		t.Errorf("the second attempt reads %d bytes, %v", len(all), err)
	}
	if _, err := r.body(); !errors.Is(err, errNoReplay) {
		t.Errorf("a long body is read again: %v", err)
	}
	r = &replay{from: strings.NewReader("0123456789"), again: func() bool { return again }}
	last, _ := r.body()
	if _, err := io.ReadFull(last, some[:4]); err != nil || len(r.kept) != 4 {
		t.Fatalf("%d bytes are kept, %v", len(r.kept), err)
	}
	again = false // the request has been written to the origin
	if rest, err := io.ReadAll(last); err != nil || string(rest) != "456789" || r.kept != nil {
		t.Errorf("the attempt reads on with %q, %v, and keeps %d bytes", rest, err, len(r.kept))
	}
	if _, err := r.body(); !errors.Is(err, errNoReplay) {
		t.Errorf("a body that was not kept is read again: %v", err)
	}
}
