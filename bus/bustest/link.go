package bustest

import (
	"net"
	"sync"
	"testing"
)

// link is a TCP proxy. Cutting it breaks its connections; pausing it stops the data without closing a connection.
type link struct {
	target   string
	listener net.Listener

	mu    sync.Mutex
	cut   bool
	open  map[net.Conn]bool
	flows chan struct{} // closed while data flows
}

func newLink(t testing.TB, target string) *link {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{target: target, listener: listener, open: map[net.Conn]bool{}, flows: make(chan struct{})}
	close(l.flows)
	t.Cleanup(func() {
		listener.Close()
		l.set(true, false)
	})
	go l.accept()
	return l
}

func (l *link) addr() string { return l.listener.Addr().String() }

// set cuts or pauses the link, or lets data flow.
func (l *link) set(cut, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for c := range l.open {
			c.Close()
		}
	}
	select {
	case <-l.flows:
		if paused {
			l.flows = make(chan struct{})
		}
	default:
		if !paused {
			close(l.flows)
		}
	}
}

func (l *link) flowing() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flows
}

func (l *link) accept() {
	for {
		from, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.serve(from)
	}
}

func (l *link) serve(from net.Conn) {
	defer l.drop(from)
	<-l.flowing()
	if !l.keep(from) {
		return
	}
	to, err := net.Dial("tcp", l.target)
	if err != nil {
		return
	}
	defer l.drop(to)
	if !l.keep(to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pipe(to, from) })
	both.Go(func() { l.pipe(from, to) })
	both.Wait()
}

func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = true
	return !l.cut
}

func (l *link) drop(c net.Conn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// pipe copies until either end is closed.
func (l *link) pipe(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		<-l.flowing()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
