package proxy

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// expected is the body of a request with Expect: 100-continue. The server tells the client to continue at the first
// read, so that nothing is read until the origin has asked for the body, or has said nothing for [continueTimeout].
// net/http's Transport would also read it after a final response, to keep the connection.
type expected struct {
	io.ReadCloser
	asked chan struct{}
	ended <-chan struct{} // of the request
}

// awaiting returns the request with a body that waits, if the client waits for the origin's word. The trace is told of
// it.
func awaiting(r *http.Request, trace *httptrace.ClientTrace) *http.Request {
	if r.Body == nil || r.Body == http.NoBody || !strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return r
	}
	b := &expected{ReadCloser: r.Body, asked: make(chan struct{}), ended: r.Context().Done()}
	ask := sync.OnceFunc(func() { close(b.asked) })
	trace.Got100Continue = ask
	time.AfterFunc(continueTimeout, ask)
	waits := *r
	waits.Body = b
	return &waits
}

func (b *expected) Read(p []byte) (int, error) {
	select {
	case <-b.asked:
		return b.ReadCloser.Read(p)
	case <-b.ended:
		return 0, io.ErrUnexpectedEOF // nobody asked for it
	}
}
