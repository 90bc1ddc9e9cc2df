package proxy

import (
	"crypto/tls"
	"errors"
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
	idle    atomic.Bool // reused, and nothing written since
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

// hasEnded reports whether the origin has closed the connection or sent unsolicited data.
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

// use is one request's use of a connection.
type use struct {
	conn   *conn // nil: a new connection, or one shared by several requests
	before int64 // bytes written to it before this request
}

// got records the connection of a request.
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

// unwritten reports whether the request got a reused connection and wrote nothing to it.
func (u *use) unwritten() bool { return u.conn != nil && u.conn.written.Load() == u.before }
