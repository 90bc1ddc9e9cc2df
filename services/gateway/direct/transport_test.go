package direct

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
	"time"

	"plumbline.dev/bus/bustest"
)

const hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

// asked makes a request and reads its answer.
func asked(t *testing.T, tr *Transport, ctx context.Context, url string) (string, error) {
	t.Helper()
	a, err := tr.roundTrip(request(t, ctx, http.MethodGet, url), new(witness))
	if err != nil {
		return "", err
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	return string(body), err
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	h, tr := saying(t, hello, true), newTransport(t)
	for range 10 {
		if body, err := asked(t, tr, t.Context(), h.url); err != nil || body != "hello" {
			t.Fatalf("%q, %v", body, err)
		}
	}
	if n := h.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// TestAConnectionThatEnds between two requests, or when the next one is with the host: nobody notices.
func TestAConnectionThatEnds(t *testing.T) {
	for name, end := range map[string]func(c net.Conn, in *bufio.Reader){
		"at once":               func(net.Conn, *bufio.Reader) {},
		"with the next request": func(_ net.Conn, in *bufio.Reader) { _, _ = http.ReadRequest(in) },
		"by a reset": func(c net.Conn, in *bufio.Reader) {
			_, _ = in.Peek(1) // what was sent and not read makes a reset of the end
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
			tr := newTransport(t)
			for range 20 {
				if body, err := asked(t, tr, t.Context(), h.url); err != nil || body != "hello" {
					t.Fatalf("%q, %v", body, err)
				}
			}
		})
	}
}

// TestAHostThatNeverAnswers is asked once over a new connection: it may have done what it was asked for.
func TestAHostThatNeverAnswers(t *testing.T) {
	for _, answer := range []string{"", "HTTP/1.1 "} {
		h := saying(t, answer, false)
		if _, err := asked(t, newTransport(t), t.Context(), h.url); err == nil || h.conns.Load() != 1 {
			t.Errorf("%q: %v, %d connections", answer, err, h.conns.Load())
		}
	}
	// Over one that was used before, once more over a new one, unless something of an answer came.
	for second, want := range map[string]int32{"": 2, "H": 1} {
		h := newHost(t, func(n int, c net.Conn, in *bufio.Reader) {
			if _, err := http.ReadRequest(in); err != nil || n > 1 {
				return
			}
			_, _ = io.WriteString(c, hello)
			if _, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(c, second)
			}
		})
		tr := newTransport(t)
		if _, err := asked(t, tr, t.Context(), h.url); err != nil {
			t.Fatal(err)
		}
		if _, err := asked(t, tr, t.Context(), h.url); err == nil || h.conns.Load() != want {
			t.Errorf("%q: %v, %d connections", second, err, h.conns.Load())
		}
	}
}

// TestAnAnswerThatNobodyAskedFor is nobody's: it must not reach the next one who asks.
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
			said <- struct{}{}
		}
		_, _ = in.Peek(1)
	})
	tr := newTransport(t)
	if _, err := asked(t, tr, t.Context(), h.url); err != nil {
		t.Fatal(err)
	}
	goOn <- struct{}{}
	<-said
	p := tr.pool(request(t, t.Context(), http.MethodGet, h.url).URL)
	bustest.Eventually(t, "it has arrived", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.idle) == 0 || !p.idle[0].quiet()
	})
	if body, err := asked(t, tr, t.Context(), h.url); err != nil || body != "hello" || h.conns.Load() != 2 {
		t.Errorf("%q, %v, over %d connections", body, err, h.conns.Load())
	}
}

// TestWhoGivesUp gets the cause at once, the host notices, and the slot is free again.
func TestWhoGivesUp(t *testing.T) {
	gone := make(chan struct{}, 1)
	under := make(chan struct{}, 1)
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
		case "/ok":
			_, _ = io.WriteString(c, hello)
		}
		under <- struct{}{}
		_, _ = in.ReadByte()
		gone <- struct{}{}
	})
	tr := newTransport(t)
	why := errors.New("no longer wanted")
	for _, path := range []string{"/waiting", "/head", "/body", "/waiting", "/head", "/body"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() { <-under; cancel(why) }()
		if _, err := asked(t, tr, ctx, h.url+path); !errors.Is(err, why) {
			t.Errorf("%s: %v", path, err)
		}
		<-gone
		if _, err := asked(t, tr, ctx, h.url+path); !errors.Is(err, why) {
			t.Errorf("%s, too late: %v", path, err)
		}
	}
	if n := h.conns.Load(); n != 6 {
		t.Errorf("%d connections", n)
	}
	// One who gives up when all is read already harms nobody.
	ctx, cancel := context.WithCancelCause(t.Context())
	if body, err := asked(t, tr, ctx, h.url+"/ok"); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
	cancel(why)
	if n := len(tr.pool(request(t, t.Context(), http.MethodGet, h.url).URL).idle); n != 1 {
		t.Errorf("%d connections are kept", n)
	}
}

// A body that is not read to its end leaves a connection over which the rest would come.
func TestABodyThatIsNotRead(t *testing.T) {
	h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, hello)
		}
	})
	tr := newTransport(t)
	for n := range 4 {
		a, err := tr.roundTrip(request(t, t.Context(), http.MethodGet, h.url), new(witness))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.Body.Read(make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		a.Body.Close()
		if _, err := a.Body.Read(make([]byte, 2)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Error(err)
		}
		if got := int(h.conns.Load()); got != n+1 {
			t.Errorf("%d connections after %d requests", got, n+1)
		}
	}
}

func TestConnectionsAreBounded(t *testing.T) {
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
	tr := newTransport(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if body, err := asked(t, tr, t.Context(), h.url); err != nil || body != "hello" {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
	bustest.Eventually(t, "all that may be are under way", func() bool { return h.conns.Load() == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	waits := make(chan error, 1)
	go func() { _, err := asked(t, tr, ctx, h.url); waits <- err }()
	cancel()
	if err := <-waits; !errors.Is(err, context.Canceled) {
		t.Errorf("one who waits and gives up: %v", err)
	}
	close(goOn)
	all.Wait()
	if n := h.conns.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

func TestConnectionsThatAreNotUsedEnd(t *testing.T) {
	ended := make(chan struct{}, 2)
	h := newHost(t, func(n int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = io.WriteString(c, hello)
		}
		_, _ = in.Peek(1)
		ended <- struct{}{}
	})
	tr := New(Config{Dial: new(net.Dialer).DialContext, Conns: 2, IdleTimeout: time.Minute, MaxHeaderBytes: maxHead})
	use := func() {
		if _, err := asked(t, tr, t.Context(), h.url); err != nil {
			t.Fatal(err)
		}
	}
	use()
	kept := func() int { return len(tr.pool(request(t, t.Context(), http.MethodGet, h.url).URL).idle) }
	tr.sweep(time.Now().Add(59 * time.Second))
	if kept() != 1 {
		t.Fatal("a connection was not kept for a minute")
	}
	tr.sweep(time.Now().Add(61 * time.Second))
	if <-ended; kept() != 0 {
		t.Error("a connection was kept for longer")
	}
	use()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := tr.Run(ctx); err != nil || kept() != 0 {
		t.Error(err, kept())
	}
	<-ended
	use() // the last one's connection is not kept
	if <-ended; kept() != 0 {
		t.Error("a connection is kept when all has ended")
	}
}

// TestAWitness is told when the host has the request, and may end it early.
func TestAWitness(t *testing.T) {
	h := saying(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+hello, true)
	tr := newTransport(t)
	w := &witness{err: errors.New("enough")}
	if _, _, err := tr.Try(request(t, t.Context(), http.MethodGet, h.url), w); !errors.Is(err, w.err) || w.sent != 1 || len(w.early) != 1 {
		t.Errorf("%v, %+v", err, w)
	}
	if body, err := asked(t, tr, t.Context(), h.url); err != nil || body != "hello" {
		t.Errorf("%q, %v", body, err)
	}
}

func TestAHostThatIsNotThere(t *testing.T) {
	refused := errors.New("refused")
	tr := New(Config{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, refused }, Conns: 1, IdleTimeout: time.Minute, MaxHeaderBytes: maxHead})
	for range 3 {
		if _, err := asked(t, tr, t.Context(), "http://nobody.example"); !errors.Is(err, refused) {
			t.Error(err)
		}
	}
}

// calls is a witness that is told of what is sent.
type calls struct {
	witness
	sent func()
}

func (c *calls) Sent() { c.sent() }

// A host that does not take the request takes too long, as one that does not answer.
func TestAHostThatDoesNotRead(t *testing.T) {
	over := make(chan struct{})
	h := newHost(t, func(_ int, _ net.Conn, in *bufio.Reader) { <-over })
	defer close(over)
	why := errors.New("it takes too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	r := request(t, ctx, http.MethodGet, h.url)
	r.Header.Set("X-Long", strings.Repeat("x", 32<<20))
	a, taken, err := newTransport(t).Try(r, &calls{sent: func() { cancel(why) }})
	if a != nil || !taken || !errors.Is(err, why) {
		t.Errorf("taken %t, %v", taken, err)
	}
}
