package attack

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/test/internal/stack"
)

// answer is a response as it came over the wire.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// dial connects to the gateway from an address of this machine, empty for any.
func (w *fixture) dial(t testing.TB, from string) net.Conn {
	t.Helper()
	d := &net.Dialer{Timeout: 30 * time.Second}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	c, err := d.DialContext(t.Context(), "tcp", w.plumb.Access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second * stack.Slowness())); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange writes bytes on a connection of its own and gives all that is answered until the gateway closes
// it: the last request must ask for that.
func (w *fixture) exchange(t testing.TB, from, bytes string) []answer {
	t.Helper()
	c := w.dial(t, from)
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, bytes)
		sent <- err
	}()
	answers, err := read(c)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Errorf("the connection stays open after %d answers to %.200q", len(answers), bytes)
	}
	c.Close()
	<-sent // the gateway may leave the rest of a request unread
	return answers
}

func read(c io.Reader) (all []answer, err error) {
	r := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		all = append(all, answer{resp.StatusCode, resp.Header, string(body)})
		if err != nil || resp.StatusCode == http.StatusSwitchingProtocols {
			return all, err
		}
	}
}

// request is the text of a request without a body that is the last on its connection. Each line is a header
// with its name.
func request(method, host, target string, lines ...string) string {
	lines = append([]string{method + " " + target + " HTTP/1.1", "Host: " + host, "Connection: close"}, lines...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

// get sends one request and gives the answer, and what arrived because of it.
func (w *fixture) get(t testing.TB, host, target string, lines ...string) (answer, []arrival) {
	t.Helper()
	return w.send(t, "", request("GET", host, target, lines...))
}

// send is get for the text of a request, from an address.
func (w *fixture) send(t testing.TB, from, text string) (answer, []arrival) {
	t.Helper()
	w.origin.take()
	answers := w.exchange(t, from, text)
	arrived := w.origin.take()
	if len(answers) != 1 {
		t.Errorf("%d answers to %.300q", len(answers), text)
		return answer{}, arrived
	}
	return answers[0], arrived
}

// refused sends a request and fails the test if it arrives, or is answered with another status than one of
// these.
func (w *fixture) refused(t testing.TB, what, text string, status ...int) answer {
	t.Helper()
	a, arrived := w.send(t, "", text)
	for _, x := range arrived {
		t.Errorf("%s: it arrived: %s %s, Host %s, %v", what, x.Method, x.Target, x.Host, x.Header)
	}
	for _, s := range status {
		if a.Status == s {
			return a
		}
	}
	t.Errorf("%s: answered with %d, want one of %v: %.300s", what, a.Status, status, a.Body)
	return a
}

// admitted sends a request and returns the forwarded one; the test ends if the request is denied.
func (w *fixture) admitted(t testing.TB, what, text string) arrival {
	t.Helper()
	a, arrived := w.send(t, "", text)
	if a.Status != http.StatusOK || len(arrived) != 1 {
		t.Fatalf("%s: %d requests arrived, answered with %d %.300s", what, len(arrived), a.Status, a.Body)
	}
	return arrived[0]
}
