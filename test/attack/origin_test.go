package attack

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// arrival is a request as it arrived at the origin.
type arrival struct {
	Method, Target, Host string // as in the first line and the Host header
	Header               http.Header
	Body                 string
}

// origin is all applications at once. It answers with 200 and "origin", and takes every offer of another
// protocol, as the most careless of origins would.
type origin struct {
	URL string

	mu    sync.Mutex
	all   []arrival
	taken int          // of all
	bytes bytes.Buffer // sent to it
}

func newOrigin() (*origin, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	o := &origin{URL: "http://" + l.Addr().String()}
	server := &http.Server{Handler: o, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener{l, o}) }() // until the process ends
	return o, nil
}

func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o.mu.Lock()
	i := len(o.all)
	o.all = append(o.all, arrival{Method: r.Method, Target: r.RequestURI, Host: r.Host, Header: r.Header.Clone()})
	o.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		body = append(body, "<"+err.Error()+">"...)
	}
	o.mu.Lock()
	o.all[i].Body = string(body)
	o.mu.Unlock()
	if offer := r.Header.Get("Upgrade"); offer != "" {
		o.upgrade(w, offer)
		return
	}
	_, _ = io.WriteString(w, "origin")
}

// upgrade accepts any upgrade and echoes one line.
func (o *origin) upgrade(w http.ResponseWriter, offer string) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+offer+"\r\n\r\n")
	if rw.Flush() != nil || conn.SetDeadline(time.Now().Add(time.Minute)) != nil {
		return
	}
	if line, err := rw.ReadString('\n'); err == nil {
		_, _ = io.WriteString(rw, "tunnel: "+line)
		_ = rw.Flush()
	}
}

// take returns the requests received since the previous call.
func (o *origin) take() []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	fresh := slices.Clone(o.all[o.taken:])
	o.taken = len(o.all)
	return fresh
}

// settle waits until no more requests arrive, because an abandoned request may still be in progress, and returns them.
func (o *origin) settle() (late []arrival) {
	for {
		<-time.After(50 * time.Millisecond)
		more := o.take()
		if late = append(late, more...); len(more) == 0 {
			return late
		}
	}
}

// ever returns all requests received, and their bytes.
func (o *origin) ever() ([]arrival, string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.all), o.bytes.String()
}

// listener records the bytes sent to its connections.
type listener struct {
	net.Listener
	o *origin
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return tapped{c, l.o}, err
}

type tapped struct {
	net.Conn
	o *origin
}

func (c tapped) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.o.mu.Lock()
	c.o.bytes.Write(b[:n])
	c.o.mu.Unlock()
	return n, err
}

// only returns the values of a header that may occur once at most, in any spelling that a server might treat as equal.
func (a arrival) only(name string) (value string, count int) {
	for n, values := range a.Header {
		if strings.EqualFold(strings.ReplaceAll(n, "_", "-"), name) {
			count += len(values)
			value = values[0]
		}
	}
	return value, count
}
