package consoletest

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// Events are live events of a page.
type Events struct {
	mu    sync.Mutex
	text  strings.Builder
	ended bool
}

// Text returns what came so far.
func (e *Events) Text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text.String()
}

// Ended reports whether the console ended the response.
func (e *Events) Ended() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ended
}

// Follow has htmx connect to live events. A header is a name and a value, such as Last-Event-ID.
func (c *Console) Follow(path string, header ...string) *Events {
	c.Helper()
	server := httptest.NewServer(c.Handler)
	c.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, server.URL+path, nil)
	if err != nil {
		c.Fatal(err)
	}
	req.Header = c.Request(http.MethodGet, path, nil).Header
	req.Header.Set("HX-Request", "true")
	for n := 0; n+1 < len(header); n += 2 {
		req.Header.Set(header[n], header[n+1])
	}
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // by the cleanup
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		c.Fatalf("%s: %d, %v", path, resp.StatusCode, resp.Header)
	}
	e := new(Events)
	go e.read(resp)
	return e
}

func (e *Events) read(resp *http.Response) {
	for scan := bufio.NewScanner(resp.Body); scan.Scan(); {
		e.mu.Lock()
		e.text.WriteString(scan.Text() + "\n")
		e.mu.Unlock()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended = true
}
