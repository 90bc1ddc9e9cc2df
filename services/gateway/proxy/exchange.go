package proxy

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
)

// exchange is the transport of all requests. It reports progress to the watch, and rejects responses that no client
// may get.
type exchange struct{ next http.RoundTripper }

var errStatus = errors.New("the origin answered with a status below 100")

// RoundTrip implements [http.RoundTripper].
func (e exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	t := transferOf(r.Context())
	defer t.answered()
	// ReverseProxy created this trace for this request only, to forward informational responses.
	trace := httptrace.ContextClientTrace(r.Context())
	trace.GotConn, trace.WroteRequest = t.got, t.sent
	pass := trace.Got1xxResponse
	trace.Got1xxResponse = func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusContinue || !t.informs {
			return nil // the transport now reads the body, and the server then sends the 100 to the client
		}
		removeHopByHop(http.Header(h))
		return pass(code, h)
	}
	if r.Body != nil {
		idempotent := isIdempotent(r)
		of := &replay{from: r.Body, again: func() bool { return t.used.Load().repeatable(idempotent) }}
		r.Body, _ = of.body() // the first call never fails
		r.GetBody = of.body
	}
	a, err := e.next.RoundTrip(awaiting(r, trace))
	for err != nil && t.used.Load().unwritten() && r.Context().Err() == nil {
		// Each attempt uses up a connection. [http.Transport] retries in the same way, but not in all cases.
		again := *r
		if r.Body != nil {
			body, failed := r.GetBody()
			if failed != nil {
				break
			}
			again.Body = body
		}
		t.used.Store(nil)
		a, err = e.next.RoundTrip(awaiting(&again, trace))
	}
	if err == nil && a.StatusCode < 100 {
		a.Body.Close()
		return nil, errStatus
	}
	return a, err
}

// isIdempotent reports whether [http.Transport] sends a request again that an origin may have carried out.
func isIdempotent(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return r.Header["Idempotency-Key"] != nil || r.Header["X-Idempotency-Key"] != nil
}

// hopByHop lists the headers of a single connection, apart from those named in the Connection header (RFC 9110,
// 7.6.1). HTTP/2 clients treat most of them as a protocol error.
var hopByHop = [...]string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// removeHopByHop removes the hop-by-hop headers of an informational response. ReverseProxy does the same for all
// other responses.
func removeHopByHop(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(textproto.TrimString(name))
		}
	}
	for _, name := range hopByHop {
		delete(h, name)
	}
}

// withoutOffer removes the offer to change protocols from a request unless it opens a WebSocket: a GET without a
// body. After a change to HTTP/2 (h2c), the origin would answer requests on the connection without any decision.
func withoutOffer(r *http.Request) *http.Request {
	offer, offered := r.Header["Upgrade"]
	if !offered || r.Method == http.MethodGet && r.ContentLength == 0 && len(offer) == 1 &&
		strings.EqualFold(offer[0], "websocket") {
		return r
	}
	r.Header = r.Header.Clone()
	delete(r.Header, "Upgrade")
	return r
}
