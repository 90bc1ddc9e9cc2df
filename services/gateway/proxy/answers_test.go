package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain discards the log of http.Transport about broken origins.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// answers are responses of origins, sound and broken.
var answers = map[string]string{
	"plain":                       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nX-A: 2\r\n\r\nhi",
	"empty":                       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"no length, no end":           "HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello",
	"closes":                      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
	"closes among others":         "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nhi",
	"chunked":                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;a=b\r\nyou\r\n0\r\n\r\n",
	"chunked, with trailers":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nhi\r\n0\r\nX-T: 7\r\nX-U: 8\r\n\r\n",
	"forbidden trailer":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n0\r\nContent-Length: 7\r\n\r\n",
	"chunked and long":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 50\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"chunked twice":               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"another coding":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"identity":                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nhi",
	"chunked over 1.0":            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"1.0":                         "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	"1.0, kept":                   "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
	"cut short":                   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhi",
	"cut short in a chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhi",
	"cut short before the end":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n",
	"cut short in the head":       "HTTP/1.1 200 OK\r\nContent-Len",
	"chunk of no size":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhi\r\n0\r\n\r\n",
	"chunk of a bad size":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n",
	"chunk of a vast size":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhi\r\n0\r\n\r\n",
	"chunk with LF only":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nhi\n0\n\n",
	"LF only":                     "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
	"no content":                  "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
	"no content, with one":        "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",
	"not modified":                "HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n",
	"two lengths":                 "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi",
	"the same length twice":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
	"lengths in a list":           "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
	"length with a sign":          "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
	"negative length":             "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
	"no length at all":            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhi",
	"early hints":                 "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	"only early hints":            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
	"another protocol":            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello",
	"more than asked for":         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more",
	"two answers":                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	"two answers, no body":        "HTTP/1.1 204 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
	"nothing":                     "",
	"not HTTP":                    "hello\r\n\r\n",
	"HTTP/2":                      "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	"in small letters":            "http/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi",
	"no reason":                   "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi",
	"status of two digits":        "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nhi",
	"status below 100":            "HTTP/1.1 000 Odd\r\nContent-Length: 2\r\n\r\nhi",
	"status of letters":           "HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nhi",
	"blank before the colon":      "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nhi",
	"no colon":                    "HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nhi",
	"no name":                     "HTTP/1.1 200 OK\r\n: 2\r\nContent-Length: 2\r\n\r\nhi",
	"folded":                      "HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nhi",
	"folded at once":              "HTTP/1.1 200 OK\r\n X-A: 1\r\nContent-Length: 2\r\n\r\nhi",
	"NUL in a value":              "HTTP/1.1 200 OK\r\nX-A: 1\x002\r\nContent-Length: 2\r\n\r\nhi",
	"CR in a value":               "HTTP/1.1 200 OK\r\nX-A: 1\r2\r\nContent-Length: 2\r\n\r\nhi",
	"head as large as may be":     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + strings.Repeat("x", maxHead-100) + "\r\n\r\nhi",
	"larger head":                 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: " + strings.Repeat("x", 4*maxHead) + "\r\n\r\nhi",
	"many large early hints":      strings.Repeat("HTTP/1.1 103 Early Hints\r\nX: "+strings.Repeat("x", maxHead/2)+"\r\n\r\n", 20) + "HTTP/1.1 204 OK\r\n\r\n",
	"body larger than its buffer": "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
}

// TestAnswersReachClientsUnchanged compares responses through the proxy with those of the origin: status, headers,
// body, trailers, and completeness.
func TestAnswersReachClientsUnchanged(t *testing.T) {
	for name, answer := range answers {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				origin := saying(t, answer)
				through := serving(t, newProxy(t, Config{}), origin.url)
				got := outcome(ctx, t, method, through)
				want := outcome(ctx, t, method, origin.url)
				if ctx.Err() != nil {
					t.Fatalf("a client waits: through the proxy %s, without it %s", got, want)
				}
				if want == "failed" || strings.HasPrefix(want, "101 ") {
					want = "502 "
				}
				if !strings.HasPrefix(got, want) && !(got == "failed" && strings.HasSuffix(want, "whole false")) {
					t.Errorf("through the proxy %s\nwithout it        %s", got, want)
				}
			})
		}
	}
}

// outcome formats a client's response as text.
func outcome(ctx context.Context, t testing.TB, method, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	a, err := tr.RoundTrip(r)
	if err != nil {
		return "failed"
	}
	defer a.Body.Close()
	if a.StatusCode == http.StatusSwitchingProtocols {
		return "101 "
	}
	if a.StatusCode < 100 {
		return "failed" // such a status cannot be passed on
	}
	body, err := io.ReadAll(a.Body)
	removeHopByHop(a.Header)
	a.Header.Del("Date")
	a.Header.Del("Content-Length")      // the body is compared instead
	delete(a.Header, "Content-Length ") // no name of a header, and removed
	if method == http.MethodHead {
		a.Trailer = nil
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		body = nil // how much of a body without its end comes is a matter of time
	}
	// fmt sorts maps by their keys.
	return fmt.Sprintf("%d %v, body %q, trailer %v, whole %t", a.StatusCode, a.Header, body, a.Trailer, err == nil)
}
