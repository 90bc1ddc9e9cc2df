package proxy

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// conn is a connection to an origin. Before writing the first byte of a request to a reused connection, it checks
// whether the origin has closed it. An unwritten request can be retried over another connection,
// whatever its method. Once a byte was written, only the origin knows whether it carried the request out.
type conn struct {
	net.Conn
	written atomic.Int64
	idle    atomic.Bool      // reused, and nothing written since
	raw     syscall.RawConn  // nil: not a socket
	probe   func(fd uintptr) // sets ended
	ended   bool
}

func newConn(c net.Conn) *conn {
	of := &conn{Conn: c}
	if socket, ok := c.(syscall.Conn); ok {
		of.raw, _ = socket.SyscallConn() // it fails for a closed socket only, as every write does
		of.probe = func(fd uintptr) { of.ended = readable(fd) }
	}
	return of
}

var errClosedIdle = errors.New("the origin closed the idle connection")

// Write implements [net.Conn].
func (c *conn) Write(b []byte) (int, error) {
	if c.idle.Swap(false) && c.hasEnded() {
		return 0, errClosedIdle
	}
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

// CloseWrite ends one direction of a WebSocket's connection.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// ReadFrom implements [io.ReaderFrom] for a request's body: [http.Transport] would allocate a buffer for each.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	b := buffers{}.Get()
	defer buffers{}.Put(b)
	return io.CopyBuffer(struct{ io.Writer }{c}, r, b)
}

// hasEnded reports whether the origin has closed the connection or sent unsolicited data.
func (c *conn) hasEnded() bool {
	if c.raw == nil {
		return false
	}
	err := c.raw.Control(c.probe)
	return c.ended || err != nil
}

// use is the connection of one attempt at a request.
type use struct {
	conn   *conn // nil: a new connection, or a shared one
	before int64 // bytes written to it before this request
	shared bool  // several requests share it: HTTP/2
}

// useOf returns the use of a connection that the transport has chosen for a request.
func useOf(info httptrace.GotConnInfo) *use {
	of := info.Conn
	if secure, ok := of.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return &use{shared: true}
		}
		of = secure.NetConn()
	}
	c, ok := of.(*conn)
	if !ok || !info.Reused {
		return new(use)
	}
	c.idle.Store(true)
	return &use{conn: c, before: c.written.Load()}
}

// unwritten reports whether the request got a reused connection and wrote nothing to it.
func (u *use) unwritten() bool { return u != nil && u.conn != nil && u.conn.written.Load() == u.before }

// repeatable reports whether the request may be sent again if this attempt fails. http.Transport sends idempotent
// ones again even after writing to a reused connection.
func (u *use) repeatable(idempotent bool) bool {
	return u == nil || u.shared || u.unwritten() || u.conn != nil && idempotent
}
