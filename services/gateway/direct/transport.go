package direct

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/textproto"
	"sync"
	"time"
)

// Config says how hosts are reached, and how long they may take. Every field is required.
type Config struct {
	// Dial connects, over TCP. What it gives is used for several requests if it is a [syscall.Conn].
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Conns bounds the connections to one host; what comes beyond waits.
	Conns int
	// IdleTimeout is how long a connection is kept without use, to about a second.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the head of an answer.
	MaxHeaderBytes int64
}

// Transport makes requests, and keeps connections between them. It is safe for concurrent use.
type Transport struct {
	cfg   Config
	hosts sync.Map // the host of a URL → *pool; as many as there are origins
}

// New makes a transport. [Transport.Run] is to run beside it.
func New(cfg Config) *Transport { return &Transport{cfg: cfg} }

// Witness is told how a request goes, on the goroutine that makes it.
type Witness interface {
	// Sent is called when the request is about to be written, which may be several times: from then on the host
	// takes its time.
	Sent()
	// Early is called with each interim answer (1xx), other than 101. An error ends the request with it. The headers
	// are its own.
	Early(status int, h textproto.MIMEHeader) error
}

var errLargeHead = errors.New("the head of the origin's answer is too large")

// Try makes a request as the RoundTrip method of [http.Transport] would, redirects and compression left alone,
// or does nothing and returns false. It takes requests for http URLs by GET, HEAD and OPTIONS, without a body,
// that need no change to be written, and whose headers ask for nothing of the connection.
//
// A request is made again, over a new connection, if a connection that was kept ends before the first byte of
// an answer. It ends with its context, and with the cause of that; nothing else bounds how long the host may take.
// The answer's body must be read to its end or closed, by one goroutine.
func (t *Transport) Try(r *http.Request, w Witness) (a *http.Response, taken bool, err error) {
	if !able || !plain(r) {
		return nil, false, nil
	}
	text := texts.Get().(*[]byte)
	defer func() {
		if cap(*text) <= keptText {
			texts.Put(text)
		}
	}()
	var ok bool
	if *text, ok = appendRequest((*text)[:0], r); !ok {
		return nil, false, nil
	}
	a, err = t.pool(r.URL).make(r, *text, w)
	return a, true, err
}

// texts are buffers of requests, of at most keptText bytes each.
var texts = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

const keptText = 16 << 10

// Run ends connections that are not used, until ctx ends.
func (t *Transport) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			t.sweep(now)
		case <-ctx.Done():
			t.hosts.Range(func(_, p any) bool { p.(*pool).close(); return true })
			return nil
		}
	}
}

func (t *Transport) sweep(now time.Time) {
	t.hosts.Range(func(_, p any) bool { p.(*pool).sweep(now); return true })
}
