//go:build proxies

package proxies

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// site is a proxy with the gateway's forward auth for the application.
type site struct {
	in     *installation
	addr   string
	client *http.Client
	// http2 speaks HTTP/2 with the proxy; nil if it does not as it is configured.
	http2 *http.Client
}

func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
}

// ready returns why the proxy does not guard the application yet. Caddy listens for TLS before it has a certificate.
func (s *site) ready(t *testing.T) error {
	if err := s.readyFor(t, s.client, "http"); err != nil || s.http2 == nil {
		return err
	}
	return s.readyFor(t, s.http2, "https")
}

func (s *site) readyFor(t *testing.T, client *http.Client, scheme string) error {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, scheme+"://"+host+"/ready", nil)
	if err != nil {
		return err
	}
	credentials := s.in.token.Credentials()
	for i := 0; i < len(credentials); i += 2 {
		r.Header.Set(credentials[i], credentials[i+1])
	}
	a, err := client.Do(r)
	if err != nil {
		return err
	}
	defer a.Body.Close()
	if a.StatusCode != http.StatusOK {
		return fmt.Errorf("the application is answered with %d", a.StatusCode)
	}
	return nil
}

// await waits until the proxy is ready.
func (s *site) await(t *testing.T, of *stack.Process) {
	t.Helper()
	if err := stack.AskUntil(20*time.Second*stack.Slowness(), func() error {
		select {
		case <-of.Exited():
			t.Fatalf("%s ended", of.Name())
		default:
		}
		return s.ready(t)
	}); err != nil {
		t.Fatal(err)
	}
	s.in.origin.take()
}

// request is one to the application. Header lines are name and value by turns.
type request struct {
	method, target string
	header         []string
	credentials    bool
	body           string
}

func (s *site) headers(q request) []string {
	if q.credentials {
		return append(s.in.token.Credentials(), q.header...)
	}
	return q.header
}

// send sends a request by a client and returns the answer, its body, and what arrived at the origin.
func (s *site) send(t *testing.T, client *http.Client, scheme string, q request) (*http.Response, string, []arrival) {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, scheme+"://"+host+q.target, body)
	if err != nil {
		t.Fatal(err)
	}
	for all := s.headers(q); len(all) > 0; all = all[2:] {
		r.Header.Add(all[0], all[1])
	}
	a, err := client.Do(r)
	if err != nil {
		t.Errorf("%s %s: %v", q.method, q.target, err)
		return &http.Response{}, "", s.in.origin.take()
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Errorf("%s %s: %v", q.method, q.target, err)
	}
	return a, string(text), s.in.origin.take()
}

// raw sends the text of a request as it is, and returns the answer, what arrived, and the connection behind it.
func (s *site) raw(t *testing.T, q request) (status int, arrived []arrival, rest io.ReadWriter) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text := q.method + " " + q.target + " HTTP/1.1\r\nHost: " + host + "\r\n"
	for all := s.headers(q); len(all) > 0; all = all[2:] {
		text += all[0] + ": " + all[1] + "\r\n"
	}
	if _, err := io.WriteString(c, text+"\r\n"); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(c)
	a, err := http.ReadResponse(in, nil)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, s.in.origin.take(), nil
	}
	if err != nil {
		t.Fatalf("%s %s: %v", q.method, q.target, err)
	}
	return a.StatusCode, s.in.origin.take(), struct {
		io.Reader
		io.Writer
	}{in, c}
}
