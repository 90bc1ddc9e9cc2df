package httpserve

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
)

func coarseServer(t *testing.T, h http.HandlerFunc) *Server {
	s := newServer(h)
	s.Coarse = true
	s.HTTP.ReadHeaderTimeout, s.HTTP.IdleTimeout = 500*time.Millisecond, time.Second
	stop := run(t, s)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Bound())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCoarseDeadlinesEndSlowHeadersAndIdleConnections(t *testing.T) {
	t.Parallel()
	s := coarseServer(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	for _, begin := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\nX-Slow", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
		c := dial(t, s)
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a connection that sent %q was kept", begin)
		}
	}
}

// A handler may take longer than the headers may, reading its body and not.
func TestCoarseDeadlinesLeaveRequestsAlone(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	s := coarseServer(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-goOn
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	})
	c := dial(t, s)
	in := bufio.NewReader(c)
	for range 2 {
		if _, err := io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe"); err != nil {
			t.Fatal(err)
		}
		<-arrived
		// Two of the listener's rounds.
		begin := time.Now()
		bustest.Eventually(t, "time passes", func() bool { return time.Since(begin) > 2100*time.Millisecond })
		goOn <- struct{}{}
		if _, err := io.WriteString(c, "llo"); err != nil {
			t.Fatal(err)
		}
		a, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(a.Body); err != nil || string(body) != "hello" {
			t.Fatalf("%q, %v", body, err)
		}
	}
}

// TestRequestsAroundTheIdleLimit come when the server is about to end their connections, at whatever moment of its
// rounds: each is answered whole, or was never begun, and what comes in two pieces is not cut between them.
func TestRequestsAroundTheIdleLimit(t *testing.T) {
	t.Parallel()
	var begun, answered, ended atomic.Int64
	s := coarseServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/second" {
			begun.Add(1)
		}
		_, _ = io.WriteString(w, "hello")
	})
	var all sync.WaitGroup
	const each = 10 * time.Millisecond
	for n := range 250 {
		c := dial(t, s)
		in := bufio.NewReader(c)
		ask := func(path string, pause time.Duration) error {
			request := "GET " + path + " HTTP/1.1\r\nHost: x\r\nX-N: " + strconv.Itoa(n) + "\r\n\r\n"
			half := len(request) / 2
			if pause == 0 {
				half = len(request)
			}
			if _, err := io.WriteString(c, request[:half]); err != nil {
				return err
			}
			<-time.After(pause)
			if _, err := io.WriteString(c, request[half:]); err != nil {
				return err
			}
			a, err := http.ReadResponse(in, nil)
			if err != nil {
				return err
			}
			if body, err := io.ReadAll(a.Body); err != nil || string(body) != "hello" {
				t.Errorf("an answer was cut: %q, %v", body, err)
			}
			return nil
		}
		all.Go(func() {
			if err := ask("/first", 0); err != nil {
				t.Errorf("first request: %v", err)
				return
			}
			<-time.After(time.Duration(n) * each) // the limit is a second, looked after once a second
			if err := ask("/second", time.Duration(n%3)*each); err != nil {
				ended.Add(1)
			} else {
				answered.Add(1)
			}
		})
	}
	all.Wait()
	if begun.Load() != answered.Load() {
		t.Errorf("%d requests were begun, %d answered", begun.Load(), answered.Load())
	}
	if answered.Load() == 0 || ended.Load() == 0 {
		t.Errorf("%d were answered, %d connections had ended: the requests are not around the limit", answered.Load(), ended.Load())
	}
}
