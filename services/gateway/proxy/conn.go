package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
)

// conn is a connection to an origin. Before the first byte of a request is written to one that was used before, it
// looks whether the origin has closed it: a request of which nothing was written can be made again over another
// connection, whatever its method. Of one that was written, only the origin knows whether it was carried out.
type conn struct {
	net.Conn
	written atomic.Int64
	idle    atomic.Bool // it was used before, and nothing has been written since
}

var errClosedIdle = errors.New("the origin closed the connection while it was not in use")

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

// hasEnded reports whether the origin has closed the connection, or has sent what no request asked for.
func (c *conn) hasEnded() bool {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	err = raw.Control(func(fd uintptr) { ended = readable(fd) })
	return ended || err != nil
}

// use is a connection as one request got it.
type use struct {
	conn   *conn // nil: none that was used before, or one that several requests share
	before int64 // bytes written to it before this request
}

// got takes note of the connection that a request got.
func (u *use) got(info httptrace.GotConnInfo) {
	*u = use{}
	if !info.Reused {
		return
	}
	of := info.Conn
	if secure, ok := of.(*tls.Conn); ok {
		if secure.ConnectionState().NegotiatedProtocol == "h2" {
			return
		}
		of = secure.NetConn()
	}
	if c, ok := of.(*conn); ok {
		*u = use{c, c.written.Load()}
		c.idle.Store(true)
	}
}

// unwritten reports whether the request got a connection that was used before and nothing of it was written.
func (u *use) unwritten() bool { return u.conn != nil && u.conn.written.Load() == u.before }
