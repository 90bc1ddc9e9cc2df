package proxy

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/services/internal/policy"
)

// unwatched is a proxy with a watch that runs only on demand, and the address of its server.
func unwatched(t *testing.T, cfg Config, origin string) (*Proxy, string) {
	t.Helper()
	p, err := New(cfg, slog.New(slog.DiscardHandler), func(policy.Reason) {})
	if err != nil {
		t.Fatal(err)
	}
	return p, strings.TrimPrefix(serving(t, p, origin), "http://")
}

func dial(t *testing.T, addr, text string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

// waiting returns the number of requests waiting for their clients.
func (p *Proxy) waiting() (n int) {
	for _, r := range p.watch.old(time.Now().Add(lasting), nil) {
		if r.up.since.Load() != 0 || r.down.since.Load() != 0 {
			n++
		}
	}
	return n
}

const slowUpload = "POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 10\r\n\r\nabc"

// reading is an origin that reads each request whole, and answers it with a body of a size.
func reading(t *testing.T, size int) *host {
	return newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		a := http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(size),
			Body: io.NopCloser(strings.NewReader(strings.Repeat("x", size))), Close: true}
		_ = a.Write(c)
	})
}

// A stalled upload is ended after a timeout, and the client receives the reason.
func TestASlowUploadEnds(t *testing.T) {
	p, addr := unwatched(t, Config{}, reading(t, 2).url)
	_, in := dial(t, addr, slowUpload)
	bustest.Eventually(t, "the proxy waits for the body", func() bool { return p.waiting() == 1 })
	p.watch.sweep(t.Context(), time.Now().Add(maxLag/2))
	if n := p.waiting(); n != 1 {
		t.Fatalf("%d requests wait after half of the time", n)
	}
	p.watch.sweep(t.Context(), time.Now().Add(maxLag+10*time.Second))
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Body.Close(); a.StatusCode != http.StatusRequestTimeout || !a.Close {
		t.Errorf("answered with %d, stays open: %t", a.StatusCode, !a.Close)
	}
}

// A response not read by its client is ended after a timeout.
func TestAnUnreadResponseEnds(t *testing.T) {
	p, addr := unwatched(t, Config{}, reading(t, 64<<20).url)
	_, in := dial(t, addr, "GET / HTTP/1.1\r\nHost: app\r\n\r\n")
	bustest.Eventually(t, "the proxy waits for the client", func() bool {
		for _, r := range p.watch.old(time.Now().Add(lasting), nil) {
			since := r.down.since.Load()
			return since != 0 && time.Since(time.Unix(0, since)) > 100*time.Millisecond
		}
		return false
	})
	// 64 MB at the minimum rate.
	p.watch.sweep(t.Context(), time.Now().Add(maxLag+64<<20/minRate*time.Second))
	bustest.Eventually(t, "the request has ended", func() bool {
		return len(p.watch.old(time.Now().Add(lasting), nil)) == 0
	})
	if n, err := io.Copy(io.Discard, in); err == nil && n >= 64<<20 {
		t.Errorf("the whole response came: %d bytes", n)
	}
}

// Slow requests keep half of an origin's connections from the others, and no more.
func TestSlowRequestsLeaveConnections(t *testing.T) {
	p, addr := unwatched(t, Config{Conns: 4}, reading(t, 2).url)
	for range 4 {
		dial(t, addr, slowUpload)
	}
	bustest.Eventually(t, "all connections are taken", func() bool { return p.waiting() == 4 })
	_, in := dial(t, addr, "GET / HTTP/1.1\r\nHost: app\r\n\r\n")
	p.watch.sweep(t.Context(), time.Now().Add(pressureLag+10*time.Second))
	a, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a.Body.Close(); a.StatusCode != http.StatusOK {
		t.Errorf("answered with %d", a.StatusCode)
	}
	bustest.Eventually(t, "two slow requests are left", func() bool { return p.waiting() == 2 })
}

func TestBehind(t *testing.T) {
	now := time.Now()
	var p pace
	if got := p.behind(now); got != 0 {
		t.Errorf("a client that was not waited for is %v behind", got)
	}
	p.waited.Store(int64(10 * time.Second))
	p.bytes.Store(4 * minRate)
	if got := p.behind(now); got != 6*time.Second {
		t.Errorf("%v behind, want 6s", got)
	}
	p.since.Store(now.Add(-time.Second).UnixNano())
	if got := p.behind(now); got != 7*time.Second {
		t.Errorf("%v behind while waiting, want 7s", got)
	}
	p.bytes.Store(1 << 50) // a download of a petabyte does not overflow
	if got := p.behind(now); got >= 0 {
		t.Errorf("%v behind after a petabyte", got)
	}
}

// The client is told to continue, or what the origin answers, once the origin has said so.
func TestExpectContinue(t *testing.T) {
	says := make(chan string)
	origin := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		if answer := <-says; answer != "" {
			_, _ = io.WriteString(c, answer)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		body := make([]byte, 5)
		if _, err := io.ReadFull(in, body); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"+string(body))
		}
	})
	_, addr := unwatched(t, Config{}, origin.url)
	const head = "POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	line := func(in *bufio.Reader) string {
		s, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(s)
	}
	_, in := dial(t, addr, head)
	says <- "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
	if got := line(in); got != "HTTP/1.1 401 Unauthorized" {
		t.Errorf("the origin denies the body, the client is told %q", got)
	}
	c, in := dial(t, addr, head)
	says <- ""
	if got := line(in); got != "HTTP/1.1 100 Continue" {
		t.Fatalf("the origin wants the body, the client is told %q", got)
	}
	line(in)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if got := line(in); got != "HTTP/1.1 200 OK" {
		t.Errorf("the client is told %q in the end", got)
	}
}

// The client receives the head of a truncated response, and the available part of the body.
func TestAShortResponseHasItsHead(t *testing.T) {
	for _, body := range []string{"", "abc"} {
		_, addr := unwatched(t, Config{},
			saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Origin: yes\r\n\r\n"+body).url)
		_, in := dial(t, addr, "GET / HTTP/1.1\r\nHost: app\r\n\r\n")
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		got, err := io.ReadAll(a.Body)
		if a.StatusCode != http.StatusOK || a.Header.Get("X-Origin") != "yes" || string(got) != body || err == nil {
			t.Errorf("%q: %d %v %q %v", body, a.StatusCode, a.Header, got, err)
		}
	}
}
