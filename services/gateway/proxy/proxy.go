package proxy

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/gateway/page"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/policy"
)

// Config says what origins may take. The zero value is usable.
type Config struct {
	// Own are our own listeners, host:port, which are no origins.
	Own []string
	// Conns bounds the connections to one origin; 0 means 4,096. Further requests wait.
	Conns int
	// RootCAs are the authorities of origins; nil: the system's.
	RootCAs *x509.CertPool
	// Deny are addresses that are no origins, beside link-local and metadata ones.
	Deny []netip.Prefix
	// HeaderTimeout is how long an origin may think before it begins to answer; 0 means 2 min.
	HeaderTimeout time.Duration
	// IdleTimeout is how long a connection to an origin is kept without use; 0 means [DefaultIdleTimeout]. It should
	// be shorter than the origin's own: a request that is sent while the origin closes the connection is lost.
	IdleTimeout time.Duration
	// Still decides again, about once a second, about a request that lasts: an upgraded connection, a stream, a
	// long upload. It gives nil while the request is admitted as it was, else what ends it. nil: nobody is asked.
	Still func(context.Context, *gate.Request, *gate.Answer) *gate.Answer
}

// Proxy sends requests to origins. It is safe for concurrent use.
type Proxy struct {
	transport http.RoundTripper
	log       *slog.Logger
	errorLog  *log.Logger
	origins   sync.Map // the URL's text → *url.URL
	failed    func(policy.Reason)
	watch     watch
}

// DefaultIdleTimeout is below that of common origins: Node closes connections after 5 s.
const DefaultIdleTimeout = 4 * time.Second

// continueTimeout is how long an origin may take to say whether it wants the body of a request with Expect:
// 100-continue. Some origins do not know the header; they get the body then.
const continueTimeout = 5 * time.Second

// New makes a proxy. failed is told of each request that its origin did not answer.
func New(cfg Config, log *slog.Logger, failed func(policy.Reason)) (*Proxy, error) {
	if cfg.Conns <= 0 {
		cfg.Conns = 4096
	}
	if cfg.HeaderTimeout <= 0 {
		cfg.HeaderTimeout = 2 * time.Minute
	}
	if cfg.IdleTimeout <= 0 {
		cfg.IdleTimeout = DefaultIdleTimeout
	}
	out := egress.Config{IdleTimeout: cfg.IdleTimeout, DenyAddrs: cfg.Own, Deny: cfg.Deny, MaxConnsPerHost: cfg.Conns, MaxHeaderBytes: 1 << 20, RootCAs: cfg.RootCAs}
	t, err := egress.NewTransport(out, func(t *http.Transport) {
		t.ResponseHeaderTimeout = 0 // watch does that
		t.ExpectContinueTimeout = continueTimeout
		t.DisableCompression = true // what the client did not ask for must not be asked of the origin
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &conn{Conn: c}, nil
		}
		t.MaxIdleConns = 0 // each origin has its own bound
		t.ReadBufferSize, t.WriteBufferSize = 16<<10, 16<<10
	})
	if err != nil {
		return nil, err
	}
	return &Proxy{transport: t, log: log, errorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), failed: failed,
		watch: watch{limit: cfg.HeaderTimeout, still: cfg.Still, conns: cfg.Conns}}, nil
}

// Run watches over requests to origins until ctx ends: it gives up those whose origin is late, and ends those that
// are no longer allowed.
func (p *Proxy) Run(ctx context.Context) error { return p.watch.Run(ctx) }

// Request is what the proxy has to know of a request beside what net/http does.
type Request struct {
	*gate.Request
	Answer *gate.Answer
	// ForwardedFor is the X-Forwarded-For header of the origin's request: the TCP peer, behind what it said
	// itself if it is trusted.
	ForwardedFor string
	// From is the peer as text.
	From string
}

// Serve sends an admitted request to its origin, and the origin's response to the client.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, q Request) {
	origin, err := p.origin(q.Answer.App.Value.OriginURL)
	if err != nil {
		p.refuse(w, q, policy.NotServed, http.StatusBadGateway)
		return
	}
	ctx, passage := p.watch.begin(r.Context(), w, q)
	defer passage.end()
	w = clientWriter{w, &passage.down}
	defer flushAborted(w)
	passage.informs = r.ProtoAtLeast(1, 1)
	proxy := httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { rewrite(pr, origin, q) },
		Transport: exchange{p.transport, passage},
		ModifyResponse: func(a *http.Response) error {
			w.Header()["Content-Type"] = nil // net/http does not guess a type that the origin did not give
			return complete(a, q.Answer)
		},
		BufferPool: buffers{},
		ErrorLog:   p.errorLog,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			p.unanswered(w, r, passage, err)
		},
	}
	r = withoutOffer(r.WithContext(ctx))
	if r.ContentLength != 0 {
		r.Body = clientBody{r.Body, &passage.up}
	}
	proxy.ServeHTTP(w, r)
}

// flushAborted gives the client the head of a response, and what there is of its body, where the origin ended the
// response early. The connection ends after that: only this tells the client that something is missing.
func flushAborted(w http.ResponseWriter) {
	if p := recover(); p != nil {
		_ = http.NewResponseController(w).Flush() // the client may have gone
		panic(p)
	}
}

// rewrite makes the origin's request of the client's. ReverseProxy has removed the hop-by-hop headers by then, those
// that the Connection header names included, so no client can remove a header that is set here.
func rewrite(pr *httputil.ProxyRequest, origin *url.URL, q Request) {
	gate.Clean(pr.Out.Header, q.Answer)
	introduce(pr.Out.Header, q)
	pr.Out.URL, pr.Out.Host = target(origin, q.URL), q.Answer.Host
	if pr.Out.Body != nil {
		of := &replay{from: pr.Out.Body}
		pr.Out.Body, _ = of.body() // the first never fails
		pr.Out.GetBody = of.body
	}
	pr.Out.Trailer = nil // the origin could read a trailer as a header, about which nobody decided
}

// complete adds the gateway's own cookies to the origin's response. Of the head that opens a WebSocket, it removes the
// hop-by-hop headers, as ReverseProxy does with the others.
func complete(a *http.Response, of *gate.Answer) error {
	if a.StatusCode == http.StatusSwitchingProtocols {
		protocol := a.Header.Get("Upgrade")
		removeHopByHop(a.Header)
		a.Header["Connection"], a.Header["Upgrade"] = []string{"Upgrade"}, []string{protocol}
	}
	for _, c := range of.SetCookies {
		a.Header.Add("Set-Cookie", c.String())
	}
	return nil
}

// target is the URL that the origin is asked for: the request's path, as it was decided about, behind its own path,
// and the query.
func target(origin, asked *url.URL) *url.URL {
	path := asked.EscapedPath()
	if path == "" {
		path = "/"
	}
	u := &url.URL{Scheme: origin.Scheme, Host: origin.Host, RawQuery: gate.Query(asked), ForceQuery: asked.ForceQuery}
	u.RawPath = strings.TrimSuffix(origin.EscapedPath(), "/") + path
	u.Path = gate.Unescape(u.RawPath)
	return u
}

// introduce tells the origin whose request it is.
func introduce(h http.Header, q Request) {
	values := [...]string{q.Answer.Host, q.URL.Scheme, q.ForwardedFor, q.From}
	h["X-Forwarded-Host"], h["X-Forwarded-Proto"] = values[0:1:1], values[1:2:2]
	if q.ForwardedFor != "" {
		h["X-Forwarded-For"] = values[2:3:3]
	}
	if q.From != "" {
		h["Cf-Connecting-Ip"] = values[3:4:4]
	}
}

var errNoOrigin = errors.New("no origin")

// origin parses the URL of an origin, each once.
func (p *Proxy) origin(text string) (*url.URL, error) {
	if text == "" {
		return nil, errNoOrigin
	}
	if u, ok := p.origins.Load(text); ok {
		return u.(*url.URL), nil
	}
	u, err := egress.ParseURL(text)
	if err != nil {
		return nil, err
	}
	gate.Normalize(u)
	p.origins.Store(text, u)
	return u, nil
}

// unanswered tells the client that the origin did not answer, or that it has not been waited for.
func (p *Proxy) unanswered(w http.ResponseWriter, r *http.Request, of *passage, err error) {
	q := of.q
	if a := of.refused.Load(); a != nil {
		clear(w.Header())
		write(w, a.Response.Status, a.Response.Header, a.Response.Body)
		return
	}
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		return // the client has gone
	}
	if errors.Is(context.Cause(r.Context()), errSlow{}) {
		clear(w.Header())
		w.Header().Set("Connection", "close")
		http.Error(w, "The request arrived too slowly.", http.StatusRequestTimeout)
		return
	}
	why, status := policy.OriginUnreachable, http.StatusBadGateway
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		why, status = policy.OriginTimeout, http.StatusGatewayTimeout
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, io.ErrUnexpectedEOF) && r.Context().Err() != nil {
		return
	}
	p.log.Warn("an origin did not answer", "ray", q.Answer.Ray, "application", q.Answer.App.Value.ID, "reason", why.String(),
		"err", egress.Explain(err).Sentence)
	clear(w.Header())
	p.refuse(w, q, why, status)
}

func (p *Proxy) refuse(w http.ResponseWriter, q Request, why policy.Reason, status int) {
	p.failed(why)
	h, body := page.Refuse(q.Header, &page.Refusal{Status: status, Reason: why, Ray: q.Answer.Ray, Application: q.Answer.App.Value.Name})
	write(w, status, h, body)
}

func write(w http.ResponseWriter, status int, h http.Header, body []byte) {
	maps.Copy(w.Header(), h)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// buffers are those that bodies pass through.
type buffers struct{}

const bufferSize = 32 << 10

var pool = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// Get implements [httputil.BufferPool].
func (buffers) Get() []byte { return pool.Get().(*[bufferSize]byte)[:] }

// Put implements [httputil.BufferPool].
func (buffers) Put(b []byte) {
	if cap(b) >= bufferSize {
		pool.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}
