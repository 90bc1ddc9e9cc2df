package gateway

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serving returns the address of a server running until the test ends.
func serving(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// The load reaches the origin through the bare proxy, and the count of responses is right.
func TestLoadThroughTheBareProxy(t *testing.T) {
	o := new(origin)
	at := serving(t, o.handler(100))
	proxy := serving(t, bareProxy(at))
	l := &load{connections: 3, answered: 100,
		request: []byte("GET /x HTTP/1.1\r\nHost: bench.example.com\r\nCF-Access-Client-Secret: s\r\n\r\n")}
	s, err := l.run(t.Context(), proxy, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	a, err := readArrivals(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if s.requests < 3 || int(a.Arrived) != s.requests || a.Leaked != a.Arrived || a.Admitted != 0 {
		t.Errorf("%d requests were answered; the origin saw %+v", s.requests, a)
	}
	if s.p50 <= 0 || s.p99 < s.p50 || s.perSecond() <= 0 {
		t.Errorf("%+v", s)
	}
}

// Any response not from the origin ends the measurement.
func TestLoadEndsWithAnAnswerThatIsNotTheOrigins(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"refused":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"another body": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "short") },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		},
	} {
		l := &load{connections: 1, answered: 100, request: []byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n")}
		if s, err := l.run(t.Context(), serving(t, h), 20*time.Millisecond); err == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if _, err := (&load{connections: 1}).run(t.Context(), l.Addr().String(), time.Millisecond); err == nil {
		t.Error("nobody listens, and no error comes of it")
	}
}

func TestASideIsSummedUp(t *testing.T) {
	bare, other := new(Side), &Side{Name: "gateway"}
	for n, requests := range []int{100, 200, 400} {
		bare.add(sample{requests: requests, took: time.Second, p50: time.Millisecond, p99: 2 * time.Millisecond}, 1000)
		other.add(sample{requests: requests * (n + 1) / 2, took: time.Second}, 1000)
	}
	bare.finish(bare)
	other.finish(bare)
	if bare.RequestsPerS != 200 || bare.Lowest != 100 || bare.Highest != 400 || bare.Ratio != 1 || bare.P50US != 1000 ||
		bare.CPUUSPerRequest != 5 {
		t.Errorf("%+v", bare)
	}
	if other.Ratio != 1 || other.RatioLowest != 0.5 || other.RatioHighest != 1.5 {
		t.Errorf("%+v", other)
	}
	var text strings.Builder
	(&Report{Sides: []Side{*bare, *other}}).Print(&text)
	if !strings.Contains(text.String(), "gateway") {
		t.Error(text.String())
	}
}
