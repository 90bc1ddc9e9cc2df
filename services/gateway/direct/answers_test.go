package direct

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain keeps http.Transport from logging what it is sent here.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

// answers are what hosts may say. What each means is what http.Transport makes of it.
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

// untilTheEnd are those of which a client awaits more for as long as the connection lasts.
var untilTheEnd = map[string]bool{
	"no length, no end": true, "no length at all": true, "chunked over 1.0": true, "blank before the colon": true, "cut short": true, "cut short in a chunk": true,
	"cut short before the end": true, "cut short in the head": true, "only early hints": true, "another protocol": true, "nothing": true, "not HTTP": true,
}

// unasked are those with bytes that nobody asked for. The standard transport finds them beside the next request,
// and uses the connection again where that is faster; this one looks first. So it is with any body to a HEAD.
var unasked = map[string]bool{"more than asked for": true, "two answers": true, "two answers, no body": true}

// TestAnswersMeanWhatTheyMeanToTheStandardTransport: status, headers, body, trailers, failures, and whether the
// connection is used again.
func TestAnswersMeanWhatTheyMeanToTheStandardTransport(t *testing.T) {
	for name, answer := range answers {
		for _, stays := range []bool{true, false} {
			if stays && untilTheEnd[name] {
				continue
			}
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				t.Run(name+" "+method, func(t *testing.T) {
					t.Parallel()
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					got, gotConns := twice(t, ctx, newTransport(t).roundTrip, saying(t, answer, stays), method)
					want, wantConns := twice(t, ctx, standard(t), saying(t, answer, stays), method)
					if ctx.Err() != nil {
						t.Fatalf("a transport waits: %s, standard %s", got, want)
					}
					if got != want {
						t.Errorf("stays %t:\n     got %s\nstandard %s", stays, got, want)
					}
					careful := gotConns > wantConns && (unasked[name] || method == http.MethodHead)
					if stays && gotConns != wantConns && !careful {
						t.Errorf("two requests took %d connections, standard %d", gotConns, wantConns)
					}
				})
			}
		}
	}
}

// twice gives the outcome of the first of two requests, and how many connections they took.
func twice(t *testing.T, ctx context.Context, do roundTripper, h *host, method string) (string, int32) {
	first := outcome(t, do, request(t, ctx, method, h.url))
	_ = outcome(t, do, request(t, ctx, method, h.url))
	return first, h.conns.Load()
}

// FuzzAnswers: whatever a host says means the same to both transports.
func FuzzAnswers(f *testing.F) {
	for _, answer := range answers {
		f.Add([]byte(answer))
	}
	said := make(chan []byte, 1)
	h := newHost(f, func(_ int, c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			_, _ = c.Write(<-said)
		}
	})
	own, std := newTransport(f).roundTrip, standard(f)
	f.Fuzz(func(t *testing.T, answer []byte) {
		said <- answer
		got := outcome(t, own, request(t, t.Context(), http.MethodGet, h.url))
		said <- answer
		if want := outcome(t, std, request(t, t.Context(), http.MethodGet, h.url)); got != want {
			t.Errorf("%q:\n     got %s\nstandard %s", answer, got, want)
		}
	})
}

// A head may come in any pieces.
func TestAnswersInPieces(t *testing.T) {
	const answer = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n2\r\nhi\r\n0\r\nT: 1\r\n\r\n"
	h := newHost(t, func(_ int, c net.Conn, in *bufio.Reader) {
		for {
			if _, err := http.ReadRequest(in); err != nil {
				return
			}
			for i := range len(answer) {
				if _, err := io.WriteString(c, answer[i:i+1]); err != nil {
					return
				}
			}
		}
	})
	do := newTransport(t).roundTrip
	for range 3 {
		got := outcome(t, do, request(t, t.Context(), http.MethodGet, h.url))
		if !strings.Contains(got, `early [103], HTTP/1.1 200 OK`) || !strings.Contains(got, `body "hi", whole true, trailer T=["1"]`) {
			t.Error(got)
		}
	}
	if n := h.conns.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}
