package stack

import (
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Origin is an application behind the gateway: it answers every request with 200 and "origin", and records the
// requests.
type Origin struct {
	URL string

	mu      sync.Mutex
	arrived int
	last    *http.Request
	look    func(*http.Request)
}

// NewOrigin serves an origin on a free loopback port until the end of the test. look, if not nil, is called with
// every request, possibly concurrently.
func NewOrigin(t testing.TB, look func(*http.Request)) *Origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &Origin{URL: "http://" + l.Addr().String(), look: look}
	server := &http.Server{Handler: o, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close() })
	return o
}

func (o *Origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.look != nil {
		o.look(r)
	}
	o.mu.Lock()
	o.arrived++
	o.last = r.Clone(r.Context())
	o.mu.Unlock()
	_, _ = io.WriteString(w, "origin")
}

// Arrived returns the number of requests so far.
func (o *Origin) Arrived() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.arrived
}

// Last returns the newest request, or nil.
func (o *Origin) Last() *http.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.last
}
