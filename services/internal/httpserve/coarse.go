package httpserve

import (
	"context"
	"net"
	"sync"
	"time"
)

// coarse is a listener whose connections keep their read deadlines to about a second. An HTTP server sets
// several for each request; as timers of the runtime they cost a busy server some percent of its time, most of
// it to wake the poller for a time that never comes.
type coarse struct {
	net.Listener
	mu    sync.Mutex
	conns map[*coarseConn]struct{}
}

func newCoarse(l net.Listener) *coarse {
	return &coarse{Listener: l, conns: map[*coarseConn]struct{}{}}
}

// keep ends the reads whose time is over, until ctx ends.
func (l *coarse) keep(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			l.mu.Lock()
			for c := range l.conns {
				c.end(now)
			}
			l.mu.Unlock()
		}
	}
}

// Accept implements [net.Listener].
func (l *coarse) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp, ok := accepted.(*net.TCPConn)
	if !ok {
		return accepted, nil
	}
	c := &coarseConn{TCPConn: tcp, of: l}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	return c, nil
}

// coarseConn is a connection of a coarse listener.
type coarseConn struct {
	*net.TCPConn
	of *coarse

	mu       sync.Mutex
	deadline time.Time // of reads; zero: none
	over     bool      // the connection has been told that it has passed
}

// SetReadDeadline implements [net.Conn]: a time that has passed ends a read at once, one to come within about
// a second of it.
func (c *coarseConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	switch over := !t.IsZero() && !t.After(time.Now()); {
	case over:
		c.over = true
		return c.TCPConn.SetReadDeadline(t)
	case c.over:
		c.over = false
		return c.TCPConn.SetReadDeadline(time.Time{})
	}
	return nil
}

// SetDeadline implements [net.Conn].
func (c *coarseConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// end ends a read whose time is over.
func (c *coarseConn) end(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && !c.deadline.IsZero() && !c.deadline.After(now) {
		c.over = true
		_ = c.TCPConn.SetReadDeadline(c.deadline) // a connection that is closed has nothing to read either
	}
}

// Close implements [net.Conn].
func (c *coarseConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.TCPConn.Close()
}
