package embed

import (
	"net"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// InProcess returns the option for in-process connections.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(inProcess{s.ns}) }

// inProcess makes in-process connections on which a rejected login is reported at once.
type inProcess struct{ ns *server.Server }

// InProcessConn returns the client's end of a new connection.
func (p inProcess) InProcessConn() (net.Conn, error) {
	c, err := p.ns.InProcessConn()
	if err != nil {
		return nil, err
	}
	return &loginConn{Conn: c}, nil
}

// loginConn is the client's end of a pipe to the server. A client writes CONNECT and then PING. A pipe has no buffer,
// and a server that rejects CONNECT does not read PING: client and server would both write until the server's write
// deadline, 10 s later. The second write therefore happens in the background, so that the client reads the rejection.
type loginConn struct {
	net.Conn

	mu     sync.Mutex // held by a write
	writes int
	second chan error // receives the outcome of the second write; nil before it and after it has ended
}

// Write writes to the server. The error of the second write is returned by the third.
func (c *loginConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.writes < 3 {
		c.writes++
	}
	if c.writes == 2 {
		data, ended := append([]byte(nil), p...), make(chan error, 1)
		c.second = ended
		go func() {
			_, err := c.Conn.Write(data)
			ended <- err
		}()
		return len(p), nil
	}
	if c.second != nil {
		err := <-c.second
		c.second = nil
		if err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}
