package proxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"plumbline.dev/bus/bustest"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// get makes a request and reads the response: its body, or "STATUS" if that is not 200.
func get(ctx context.Context, t testing.TB, url string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if a.StatusCode != http.StatusOK {
		return a.Status[:3], err
	}
	return string(body), err
}

// answering answers every request on a connection.
func answering(_ int, c net.Conn, in *bufio.Reader) {
	for {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		if _, err := io.WriteString(c, hello); err != nil {
			return
		}
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	h := newHost(t, answering)
	through := serving(t, newProxy(t, Config{}), h.url)
	for range 10 {
		if body, err := get(t.Context(), t, through); err != nil || body != "hello" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	if n := h.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// The origin closes a kept connection between two requests, or when it has the next one: no client notices.
func TestAKeptConnectionThatEnds(t *testing.T) {
	for name, end := range map[string]func(c net.Conn, in *bufio.Reader){
		"at once":               func(net.Conn, *bufio.Reader) {},
		"with the next request": func(_ net.Conn, in *bufio.Reader) { _, _ = http.ReadRequest(in) },
		"by a reset": func(c net.Conn, in *bufio.Reader) {
			_, _ = in.Peek(1) // a connection that is closed with unread bytes is reset
			_ = c.(*net.TCPConn).SetLinger(0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
				if _, err := http.ReadRequest(in); err == nil {
					_, _ = io.WriteString(c, hello)
					end(c, in)
				}
			})
			through := serving(t, newProxy(t, Config{}), h.url)
			for range 20 {
				if body, err := get(t.Context(), t, through); err != nil || body != "hello" {
					t.Fatalf("%q, %v", body, err)
				}
			}
		})
	}
}

// A request over a new connection is made once: the origin may have done what it asks for.
func TestAnOriginThatNeverAnswers(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 "} {
		h := saying(t, answer)
		if got, err := get(t.Context(), t, serving(t, newProxy(t, Config{}), h.url)); err != nil || got != "502" ||
			h.conns.Load() != 1 {
			t.Errorf("%q: %s, %v, %d connections", answer, got, err, h.conns.Load())
		}
	}
}

// A response without a request reaches no client.
func TestAnAnswerThatNobodyAskedFor(t *testing.T) {
	goOn, said := make(chan struct{}), make(chan struct{})
	h := newHost(t, func(n int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(c, hello)
		if n == 1 {
			<-goOn
			_, _ = io.WriteString(c, strings.Replace(hello, "hello", "evil!", 1))
			_, _ = in.Peek(1) // until the gateway has closed it
			said <- struct{}{}
		}
		_, _ = in.Peek(1)
	})
	through := serving(t, newProxy(t, Config{}), h.url)
	if _, err := get(t.Context(), t, through); err != nil {
		t.Fatal(err)
	}
	goOn <- struct{}{}
	<-said
	if body, err := get(t.Context(), t, through); err != nil || body != "hello" || h.conns.Load() != 2 {
		t.Errorf("%q, %v, over %d connections", body, err, h.conns.Load())
	}
}

// If a client disconnects, the origin's connection ends, in any state of the response.
func TestAClientThatGoes(t *testing.T) {
	gone, under := make(chan struct{}, 1), make(chan struct{}, 1)
	h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		switch r.URL.Path {
		case "/head":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
		case "/body":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhi")
		}
		under <- struct{}{}
		_, _ = in.ReadByte()
		gone <- struct{}{}
	})
	through := serving(t, newProxy(t, Config{Conns: 1}), h.url)
	for _, path := range []string{"/waiting", "/head", "/body", "/waiting"} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-under; cancel() }()
		if _, err := get(ctx, t, through+path); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
		<-gone
	}
	if n := h.conns.Load(); n != 4 {
		t.Errorf("%d connections", n)
	}
}

func TestConnectionsToOneOriginAreBounded(t *testing.T) {
	goOn := make(chan struct{})
	h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			<-goOn
			_, _ = io.WriteString(c, hello)
		}
	})
	through := serving(t, newProxy(t, Config{Conns: 2}), h.url)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if body, err := get(t.Context(), t, through); err != nil || body != "hello" {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	bustest.Eventually(t, "as many as may be are under way", func() bool { return h.conns.Load() == 2 })
	close(goOn)
	all.Wait()
	if n := h.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}
