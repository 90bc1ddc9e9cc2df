package httpserve

import (
	"cmp"
	"log/slog"
	"net"
	"sync"

	"plumbline.dev/bus/openfiles"
)

// Limit returns a listener that limits the connections of a server other than [http.Server]. Above the limit, it closes
// the connection from which nothing was received for the longest time. most 0 means the default of [Server.MaxConns].
func Limit(l net.Listener, most int, log *slog.Logger) net.Listener {
	return &limited{Listener: l, most: cmp.Or(most, openfiles.Share(8)), log: log, conns: map[*limitedConn]uint64{}}
}

type limited struct {
	net.Listener
	most int
	log  *slog.Logger

	mu    sync.Mutex
	conns map[*limitedConn]uint64 // when something was last received, by the clock
	clock uint64                  // counts, so that connections are in an order
	told  bool
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &limitedConn{Conn: c, of: l}
	if over := l.add(conn); over != nil {
		_ = over.Close()
	}
	return conn, nil
}

// add adds a connection and returns one to close, or nil.
func (l *limited) add(c *limitedConn) (over *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clock++
	l.conns[c] = l.clock
	if len(l.conns) <= l.most {
		return nil
	}
	if !l.told {
		l.told = true
		l.log.Warn("the limit of connections is reached; silent ones are closed for new ones", "limit", l.most)
	}
	over = c
	for other, at := range l.conns {
		if at < l.conns[over] {
			over = other
		}
	}
	delete(l.conns, over)
	return over
}

func (l *limited) heard(c *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.conns[c]; open {
		l.clock++
		l.conns[c] = l.clock
	}
}

func (l *limited) closed(c *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// limitedConn is a connection of a limited listener.
type limitedConn struct {
	net.Conn
	of *limited
}

// Read implements net.Conn.
func (c *limitedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.of.heard(c)
	}
	return n, err
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	c.of.closed(c)
	return c.Conn.Close()
}
