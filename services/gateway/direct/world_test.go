package direct

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// host is one that a test speaks for: serve is called for each connection, the first is number 1.
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

// saying is a host that answers every request with the same bytes, and then, unless it stays, ends the connection.
func saying(t testing.TB, answer string, stays bool) *host {
	return newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil || !stays {
				return
			}
		}
	})
}

// maxHead is the bound of the transports under test.
const maxHead = 4 << 10

func newTransport(t testing.TB) *Transport {
	tr := New(Config{Dial: new(net.Dialer).DialContext, Conns: 2, IdleTimeout: time.Minute, MaxHeaderBytes: maxHead})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = tr.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return tr
}

// witness takes down what it is told.
type witness struct {
	sent  int
	early []int
	err   error
}

func (w *witness) Sent() { w.sent++ }

func (w *witness) Early(status int, _ textproto.MIMEHeader) error {
	w.early = append(w.early, status)
	return w.err
}

func request(t testing.TB, ctx context.Context, method, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// roundTripper makes requests by one of the two transports.
type roundTripper func(*http.Request, *witness) (*http.Response, error)

func (t *Transport) roundTrip(r *http.Request, w *witness) (*http.Response, error) {
	a, taken, err := t.Try(r, w)
	if !taken {
		panic("a request was not taken")
	}
	return a, err
}

// standard is http.Transport, as it is compared with.
func standard(t testing.TB) roundTripper {
	tr := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: maxHead, MaxIdleConnsPerHost: 2, MaxConnsPerHost: 2}
	t.Cleanup(tr.CloseIdleConnections)
	return func(r *http.Request, w *witness) (*http.Response, error) {
		return tr.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: w.Early})))
	}
}

// outcome is what came of a request, as text.
func outcome(t testing.TB, do roundTripper, r *http.Request) string {
	t.Helper()
	w := new(witness)
	a, err := do(r, w)
	if err != nil {
		return fmt.Sprintf("early %v, failed", w.early)
	}
	body, err := io.ReadAll(a.Body)
	if again, err2 := a.Body.Read(make([]byte, 1)); again != 0 || err2 == nil {
		t.Errorf("a body goes on behind its end: %d, %v", again, err2)
	}
	a.Body.Close()
	if a.StatusCode == http.StatusSwitchingProtocols {
		body = nil // nobody asked for it: what the standard one gives as a body is the connection
	}
	return fmt.Sprintf("early %v, %s %s, length %d, close %t, %s, body %q, whole %t, trailer %s", w.early, a.Proto, a.Status, a.ContentLength, a.Close,
		sorted(a.Header), body, err == nil, sorted(a.Trailer))
}

func sorted(h http.Header) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(h)) {
		fmt.Fprintf(&b, "%s=%q ", name, h[name])
	}
	return b.String()
}
