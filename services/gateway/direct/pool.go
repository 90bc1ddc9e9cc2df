package direct

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// pool is the connections to one host.
type pool struct {
	cfg   *Config
	addr  string
	slots chan struct{} // one for each connection in use

	mu    sync.Mutex
	idle  []*conn // the one used last is the last, and is used first
	ended bool
}

func (t *Transport) pool(u *url.URL) *pool {
	if p, ok := t.hosts.Load(u.Host); ok {
		return p.(*pool)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	p, _ := t.hosts.LoadOrStore(u.Host, &pool{
		cfg: &t.cfg, addr: net.JoinHostPort(u.Hostname(), port), slots: make(chan struct{}, t.cfg.Conns),
	})
	return p.(*pool)
}

// make makes a request.
func (p *pool) make(r *http.Request, text []byte, w Witness) (*http.Response, error) {
	ctx := r.Context()
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	if c := p.kept(); c != nil {
		a, again, err := c.make(r, text, w)
		if !again {
			return a, err
		}
		if err := p.enter(ctx); err != nil {
			return nil, err
		}
	}
	c, err := p.dial(ctx)
	if err != nil {
		p.leave()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	a, _, err := c.make(r, text, w)
	return a, err
}

// enter takes a slot, which [conn.end] gives back.
func (p *pool) enter(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *pool) leave() { <-p.slots }

// kept gives a connection that was used before and has not ended; nil where there is none.
func (p *pool) kept() *conn {
	for {
		p.mu.Lock()
		last := len(p.idle) - 1
		if last < 0 {
			p.mu.Unlock()
			return nil
		}
		c := p.idle[last]
		p.idle[last], p.idle = nil, p.idle[:last]
		p.mu.Unlock()
		if c.quiet() {
			return c
		}
		c.Close()
	}
}

func (p *pool) dial(ctx context.Context) (*conn, error) {
	to, err := p.cfg.Dial(ctx, "tcp", p.addr)
	if err != nil {
		return nil, err
	}
	return newConn(p, to), nil
}

// keep keeps a connection for the next request.
func (p *pool) keep(c *conn) {
	c.since = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		c.Close()
		return
	}
	p.idle = append(p.idle, c)
}

// sweep ends the connections that have not been used for long, and those that their host has ended.
func (p *pool) sweep(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.idle[:0]
	for _, c := range p.idle {
		if now.Sub(c.since) < p.cfg.IdleTimeout && c.quiet() {
			left = append(left, c)
			continue
		}
		c.Close()
	}
	clear(p.idle[len(left):])
	p.idle = left
}

// close ends the connections that are not in use; the others end with their requests.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, c := range p.idle {
		c.Close()
	}
	p.idle = nil
}
