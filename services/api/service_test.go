package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/proto"
	"plumbline.dev/services/api"
	"plumbline.dev/services/api/apitest"
	"plumbline.dev/services/api/v4"
)

func TestInvalidConfigIsRejected(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	for name, change := range map[string]func(*api.Config){
		"no recipient":         func(c *api.Config) { c.SealTo = nil },
		"a token of bad form":  func(c *api.Config) { c.BootstrapToken = "x" },
		"no account":           func(c *api.Config) { c.Account = proto.Account{} },
		"a short interval":     func(c *api.Config) { c.MinInterval = time.Millisecond },
		"no room for a stream": func(c *api.Config) { c.Streams = -1 },
	} {
		cfg := f.Config
		change(&cfg)
		if _, err := api.New(cfg, api.Deps{}); err == nil || strings.Contains(err.Error(), apitest.Bootstrap) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestListener sends a HEAD request over a connection.
func TestListener(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	url := "http://" + f.API.Addr() + f.Path("/access/apps")
	req, err := http.NewRequestWithContext(t.Context(), "HEAD", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+apitest.Bootstrap)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || len(body) != 0 {
		t.Errorf("HEAD: %d %q", resp.StatusCode, body)
	}
}

func TestReadinessWithoutABus(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t)
	f.Bus.Server(0).Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	req := f.Request("GET", f.Path("/access/apps"), nil).WithContext(ctx)
	w := httptest.NewRecorder()
	f.Handler.ServeHTTP(w, req)
	if w.Code != 503 || w.Header().Get("X-Should-Retry") == "false" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	bustest.Eventually(t, "not ready", func() bool { return f.API.Ready(t.Context()) != nil })
}

// TestRequestsWithoutABus checks that every route soon returns 503 with Retry-After while the bus is unavailable.
func TestRequestsWithoutABus(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, api.WithAnswerTimeout(time.Second), func(c *api.Config) { c.ProbeTimeout = time.Second })
	// A request waits a second for a lost connection, twice if it reads two buckets.
	const soon = 15 * time.Second
	f.Want(201, "POST", "/access/tags", map[string]any{"name": "a"})
	f.Bus.Server(0).Close()
	bustest.Eventually(t, "the connection is lost", func() bool { return !f.Link.NATS().IsConnected() })
	for _, r := range []struct {
		method, path string
		body         any
	}{
		{"GET", "/access/tags", nil}, {"POST", "/access/tags", map[string]any{"name": "b"}},
		{"GET", "/devices/physical-devices", nil},
		{"GET", "/plumbline/posture-log", nil}, {"GET", "/plumbline/results", nil},
		{"GET", "/plumbline/results/stream", nil}, {"GET", "/audit_logs", nil},
	} {
		t.Run(r.method+" "+r.path, func(t *testing.T) {
			t.Parallel()
			f := f.In(t)
			var got apitest.Response
			took := machine.Took(func() { got = f.Do(r.method, r.path, r.body) })
			if got.Status != 503 || got.Header.Get("Retry-After") == "" || got.Header.Get("X-Should-Retry") == "false" {
				t.Errorf("%d %v %s", got.Status, got.Header, got.Body)
			}
			if took > soon {
				t.Errorf("took %v", took)
			}
		})
	}
	if err := f.API.Ready(t.Context()); err == nil {
		t.Error("ready without a bus")
	}
}

// TestResponseToABlockedClient checks that the response to a client that does not read it is ended.
func TestResponseToABlockedClient(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, api.WithClientTimeout(time.Second), func(c *api.Config) { c.MaxBody = 1 << 20 })
	for n := range 16 {
		f.Want(201, "POST", "/access/apps",
			map[string]any{"domain": fmt.Sprintf("h%d.example.com", n),
				"landing_page_design": map[string]any{"message": strings.Repeat("x", 900<<10)}})
	}
	c, err := net.Dial("tcp", f.API.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", f.Path("/access/apps"),
		apitest.Bootstrap)
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.ContentLength < 14<<20 {
		t.Fatalf("a response of %d bytes is too small to fill the buffers of a connection", r.ContentLength)
	}
	bustest.Eventually(t, "the response is ended",
		func() bool { return strings.Contains(f.Log.String(), "route=/access/apps method=GET status=200 took=") })
	if n, _ := io.Copy(io.Discard, r.Body); n >= r.ContentLength {
		t.Error("the client got the whole response")
	}
}

// TestImportWithoutARegistry checks the response to an import that no registry processes.
func TestImportWithoutARegistry(t *testing.T) {
	t.Parallel()
	f := apitest.Start(t, api.WithAnswerTimeout(time.Millisecond))
	r := f.SendImport("text/csv", strings.NewReader("serial_number\nS1"))
	if r.Status != 503 || r.Errors[0].Code != v4.CodeUnavailable || !strings.Contains(r.Errors[0].Message, "registry") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
}
