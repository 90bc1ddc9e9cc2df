package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
)

const noisyHeads = "Connection: keep-alive, X-Named\r\nConnection: x-also\r\nKeep-Alive: timeout=5\r\n" +
	"Proxy-Connection: keep-alive\r\n" +
	"Upgrade: h2c\r\nProxy-Authenticate: Basic\r\nTe: trailers\r\nTrailer: X-T\r\nX-Named: 1\r\nX-Also: 1\r\nLink: " +
	"</a.css>\r\n"

// informed records the informational responses received by a client, and the final status.
func informed(t *testing.T, c *http.Client, url string) (early []http.Header, status int) {
	t.Helper()
	trace := &httptrace.ClientTrace{Got1xxResponse: func(_ int, h textproto.MIMEHeader) error {
		early = append(early, http.Header(h))
		return nil
	}}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	return early, a.StatusCode
}

// Headers that concern the origin's connection only do not reach clients with a 103: HTTP/2 clients take them for a
// protocol error.
func TestEarlyHintsHaveNoHopByHopHeaders(t *testing.T) {
	hints := strings.Repeat("HTTP/1.1 103 Early Hints\r\n"+noisyHeads+"\r\n", 2)
	h := saying(t, hints+"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"+noisyHeads+"\r\n")
	for _, protocol := range []string{"HTTP/1.1", "HTTP/2.0"} {
		s := httptest.NewUnstartedServer(admitting(newProxy(t, Config{}), h.url))
		s.EnableHTTP2 = protocol == "HTTP/2.0"
		s.StartTLS()
		early, status := informed(t, s.Client(), s.URL)
		s.Close()
		if status != http.StatusOK || len(early) != 2 {
			t.Errorf("%s: status %d, %d informational responses", protocol, status, len(early))
		}
		for _, head := range early {
			if len(head) != 1 || head.Get("Link") != "</a.css>" {
				t.Errorf("%s: a client gets %v", protocol, head)
			}
		}
	}
}

// HTTP/1.0 has no informational responses.
func TestEarlyHintsForHTTP10(t *testing.T) {
	h := saying(t, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"+hello)
	if got := rawly(t, serving(t, newProxy(t, Config{}), h.url), "GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(got,
		"HTTP/1.0 200 ") {
		t.Errorf("the client gets %q", got)
	}
}

// A WebSocket handshake, and responses before it, have only the necessary hop-by-hop headers.
func TestWebSocketHandshakes(t *testing.T) {
	switched := strings.Replace(noisyHeads, "Upgrade: h2c\r\n", "Upgrade: websocket\r\n", 1)
	switched = strings.Replace(switched, "keep-alive, ", "upgrade, keep-alive, ", 1)
	h := saying(t, "HTTP/1.1 103 Early Hints\r\n"+noisyHeads+"\r\nHTTP/1.1 101 Switching Protocols\r\n"+switched+
		"\r\nhello")
	got := rawly(t, serving(t, newProxy(t, Config{}), h.url),
		"GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
	want := []string{"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nLink: </a.css>\r\nUpgrade: websocket\r\n\r\nhello"}
	if got != strings.Join(want, "") {
		t.Errorf("the client gets %q", got)
	}
}

// Only a GET without a body opens a WebSocket; others reach the origin without the offer.
func TestWhatOpensNoWebSocket(t *testing.T) {
	for _, request := range []string{
		"OPTIONS / HTTP/1.1\r\nUpgrade: websocket\r\n", "POST / HTTP/1.1\r\nContent-Length: 2\r\nUpgrade: websocket\r\n",
		"GET / HTTP/1.1\r\nContent-Length: 2\r\nUpgrade: websocket\r\n", "GET / HTTP/1.1\r\nUpgrade: h2c\r\n",
		"GET / HTTP/1.1\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", "GET / HTTP/1.1\r\nUpgrade: websocket, h2c\r\n",
		"GET / HTTP/1.1\r\nUpgrade: \x01\r\n",
	} {
		seen := make(chan *http.Request, 1)
		h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
			r, err := http.ReadRequest(in)
			if err != nil {
				t.Error(err)
				return
			}
			seen <- r
			_, _ = io.WriteString(c,
				"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello")
		})
		through := serving(t, newProxy(t, Config{}), h.url)
		got := rawly(t, through, request+"Host: app.example.com\r\nConnection: close, upgrade\r\n\r\nhi")
		if strings.HasPrefix(got, "HTTP/1.1 400 ") {
			continue // net/http itself denies it
		}
		if r := <-seen; r.Header["Upgrade"] != nil || !strings.HasPrefix(got, "HTTP/1.1 502 ") {
			t.Errorf("%q: the origin gets %v, the client %q", request, r.Header, got)
		}
	}
}

// rawly sends bytes and returns all bytes received until the connection ends.
func rawly(t *testing.T, url, request string) string {
	t.Helper()
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stop := context.AfterFunc(t.Context(), func() { c.Close() })
	defer stop()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(got)
}
