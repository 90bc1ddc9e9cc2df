package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/services/api/store"
)

// While the bus is away every route says so, soon, and when to ask again.
func TestTheBusMayBeAway(t *testing.T) {
	y := start(t, func(c *Config) { c.answerTimeout, c.ProbeTimeout = time.Second, time.Second })
	y.want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	y.bus.Server(0).Close()
	bustest.Eventually(t, "the connection is lost", func() bool { return !y.api.store.Conn.NATS().IsConnected() })
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/access/tags", nil}, {"POST", "/access/tags", map[string]any{"name": "b"}}, {"GET", "/devices/physical-devices", nil},
		{"GET", "/plumbline/posture-log", nil}, {"GET", "/plumbline/results/stream", nil}, {"GET", "/audit_logs", nil},
	} {
		var got response
		took := machine.Took(func() { got = y.do(r.method, r.path, r.body) })
		if got.Status != 503 || got.Header.Get("Retry-After") == "" || got.Header.Get("X-Should-Retry") != "" {
			t.Errorf("%s %s: %d %v %s", r.method, r.path, got.Status, got.Header, got.Body)
		}
		if took > 2*store.AwayFor+store.ViewTimeout/2 {
			t.Errorf("%s %s took %v", r.method, r.path, took)
		}
	}
	if err := y.api.Ready(t.Context()); err == nil {
		t.Error("ready without a bus")
	}
}

// A client that does not take its answer is given up, and one that takes it later than its request came in is not.
func TestAClientThatTakesNothingIsGivenUp(t *testing.T) {
	y := start(t, func(c *Config) { c.clientTimeout, c.MaxBody = time.Second, 1<<20 })
	for n := range 16 {
		y.want(201, "POST", "/access/apps", map[string]any{"domain": fmt.Sprintf("h%d.example.com", n), "landing_page_design": map[string]any{"message": strings.Repeat("x", 900<<10)}})
	}
	c, err := net.Dial("tcp", y.api.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", y.path("/access/apps"), bootstrap)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength < 14<<20 {
		t.Fatalf("an answer of %d bytes is too small to fill what is between", r.ContentLength)
	}
	bustest.Eventually(t, "the answer is given up", func() bool { return strings.Contains(y.log.String(), "route=/access/apps method=GET status=200 took=") })
	if n, _ := io.Copy(io.Discard, r.Body); n >= r.ContentLength {
		t.Error("the whole answer came")
	}
}
