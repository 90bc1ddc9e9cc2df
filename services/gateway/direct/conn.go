package direct

import (
	"bufio"
	"context"
	"io"
	"math"
	"net"
	"net/http"
	"net/textproto"
	"syscall"
	"time"
)

// conn is a connection. But for Close it is used by one goroutine at a time.
type conn struct {
	net.Conn
	of    *pool
	in    *bufio.Reader
	raw   syscall.RawConn // nil: it cannot be looked at, and is used once
	peek  func(fd uintptr) bool
	found error     // what peek found
	abort func()    // Close, made a function once
	since time.Time // when it was used last

	left int64 // how many bytes the head of an answer may still have
}

// readSize is that of a read from a connection, other than into a larger buffer: most answers are one.
const readSize = 8 << 10

func newConn(p *pool, to net.Conn) *conn {
	c := &conn{Conn: to, of: p}
	c.in = bufio.NewReaderSize((*head)(c), readSize)
	c.abort = func() { c.Close() }
	if s, ok := to.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			c.raw = raw
		}
	}
	c.peek = func(fd uintptr) bool { c.found = nothingToRead(fd); return true }
	return c
}

// quiet tells whether a connection that is not in use may be: it has not ended, and nothing has come over it
// that nobody asked for, which the next request would take for its answer.
func (c *conn) quiet() bool {
	return c.raw != nil && c.raw.Read(c.peek) == nil && c.found == nil
}

// head is a connection as it is read from: the head of an answer has a bound.
type head conn

func (h *head) Read(b []byte) (int, error) {
	if h.left <= 0 {
		return 0, errLargeHead
	}
	n, err := h.Conn.Read(b[:min(int64(len(b)), h.left)])
	h.left -= int64(n)
	return n, err
}

// make makes a request. again tells that it may be made again: nothing of an answer came.
func (c *conn) make(r *http.Request, text []byte, w Witness) (a *http.Response, again bool, err error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, c.abort)
	a, again, err = c.ask(r, text, w)
	if err != nil {
		c.end(stop, false)
		if ctx.Err() != nil {
			again, err = false, context.Cause(ctx)
		}
		return nil, again, err
	}
	keep := !a.Close && a.StatusCode >= 200 // what comes behind another protocol's begin is no answer
	if r.Method == http.MethodHead || a.ContentLength == 0 {
		c.end(stop, keep)
		a.Body = http.NoBody
		return a, false, nil
	}
	c.left = math.MaxInt64
	a.Body = &body{from: a.Body, conn: c, ctx: ctx, stop: stop, keep: keep}
	return a, false, nil
}

// ask writes a request and reads the head of its answer.
func (c *conn) ask(r *http.Request, text []byte, w Witness) (a *http.Response, again bool, err error) {
	c.left = c.of.cfg.MaxHeaderBytes
	w.Sent() // before: a host that takes nothing is one that thinks for too long
	if _, err := c.Write(text); err != nil {
		return nil, true, err
	}
	if _, err := c.in.Peek(1); err != nil {
		return nil, true, err
	}
	for {
		if a, err = http.ReadResponse(c.in, r); err != nil || !interim(a.StatusCode) {
			return a, false, err
		}
		if err := w.Early(a.StatusCode, textproto.MIMEHeader(a.Header)); err != nil {
			return nil, false, err
		}
		c.left = c.of.cfg.MaxHeaderBytes
	}
}

// interim tells a status behind which another answer comes.
func interim(status int) bool {
	return status >= 100 && status < 200 && status != http.StatusSwitchingProtocols
}

// end gives a connection back, with its slot. stop ends what waits for the request's context: where it has
// begun, the connection is closed or about to be.
func (c *conn) end(stop func() bool, keep bool) {
	if stop() && keep && c.raw != nil && c.in.Buffered() == 0 {
		c.of.keep(c)
	} else {
		c.Close()
	}
	c.of.leave()
}

// body is the body of an answer. With its end the connection is given back.
type body struct {
	from io.ReadCloser
	conn *conn
	ctx  context.Context //nolint:containedctx // of the request that the body answers
	stop func() bool
	keep bool
	over error // what reads give once there is no more
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if b.over != nil {
		return 0, b.over
	}
	n, err := b.from.Read(p)
	if err != nil {
		b.finish(err)
	}
	return n, b.over
}

// Close implements [io.Closer]: a connection over which the rest of the body would still come is not kept.
func (b *body) Close() error {
	if b.over == nil {
		b.finish(http.ErrBodyReadAfterClose)
	}
	return nil
}

func (b *body) finish(why error) {
	whole := why == io.EOF //nolint:errorlint // what wraps it is a failure
	b.over = why
	if !whole && b.ctx.Err() != nil {
		b.over = context.Cause(b.ctx)
	}
	b.conn.end(b.stop, b.keep && whole)
}
