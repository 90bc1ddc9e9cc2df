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
// read, so expected delays reading until the origin asks for the body or stays silent for [continueTimeout].
// net/http's Transport would also read the body after a final response, to reuse the connection.
type expected struct {
	io.ReadCloser
	asked chan struct{}
	ended <-chan struct{} // when the request ends
}

// awaiting returns the request with a body that waits for the origin, if the client does. It adds a hook to the
// trace.
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
		return 0, io.ErrUnexpectedEOF // the origin did not ask for it
	}
}
