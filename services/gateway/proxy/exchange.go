package proxy

import (
	"errors"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
)

// exchange is the transport of one request: it tells the watch how far the request is, and lets through only those
// responses that a client may get.
type exchange struct {
	next http.RoundTripper
	of   *passage
}

var errStatus = errors.New("the origin answered with a status below 100, which no client could be told")

// RoundTrip implements [http.RoundTripper].
func (e exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	defer e.of.answered()
	// The trace is that of the ReverseProxy, for this request only: it passes informational responses on.
	trace := httptrace.ContextClientTrace(r.Context())
	trace.WroteRequest = func(httptrace.WroteRequestInfo) { e.of.sent() }
	pass := trace.Got1xxResponse
	trace.Got1xxResponse = func(code int, h textproto.MIMEHeader) error {
		if code == http.StatusContinue || !e.of.informs {
			return nil // the transport reads the body then, at which the server tells the client to continue
		}
		removeHopByHop(http.Header(h))
		return pass(code, h)
	}
	var used use
	trace.GotConn = used.got
	a, err := e.next.RoundTrip(awaiting(r, trace))
	for err != nil && used.unwritten() && r.Context().Err() == nil {
		// Each attempt takes a connection out of use. [http.Transport] makes the same attempts, but not all.
		again := *r
		if r.Body != nil {
			body, failed := r.GetBody()
			if failed != nil {
				break
			}
			again.Body = body
		}
		used = use{}
		a, err = e.next.RoundTrip(awaiting(&again, trace))
	}
	if err == nil && a.StatusCode < 100 {
		a.Body.Close()
		return nil, errStatus
	}
	return a, err
}

// hopByHop are the headers that concern one connection only, beside those that the Connection header names
// (RFC 9110, 7.6.1). HTTP/2 clients take most of them for a protocol error.
var hopByHop = [...]string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade"}

// removeHopByHop removes the headers of an informational response that concern its connection only. ReverseProxy
// does the same with all other heads.
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
// body. An origin that went over to HTTP/2 (h2c) would answer requests of its own on the connection, about which
// nobody decides.
func withoutOffer(r *http.Request) *http.Request {
	offer, offered := r.Header["Upgrade"]
	if !offered || r.Method == http.MethodGet && r.ContentLength == 0 && len(offer) == 1 && strings.EqualFold(offer[0], "websocket") {
		return r
	}
	r.Header = r.Header.Clone()
	delete(r.Header, "Upgrade")
	return r
}
