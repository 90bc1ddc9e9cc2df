package proxy

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
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

// Config bounds the requests to origins. The zero value is usable.
type Config struct {
	// Own lists our own listeners, host:port, which must not be origins.
	Own []string
	// Conns bounds the connections to one origin; 0 means 4,096. Further requests wait.
	Conns int
	// RootCAs are the certificate authorities of origins; nil: the system's.
	RootCAs *x509.CertPool
	// Deny lists addresses that must not be origins, in addition to link-local and metadata ones.
	Deny []netip.Prefix
	// HeaderTimeout bounds the wait for the response's headers; 0 means 2 min.
	HeaderTimeout time.Duration
	// IdleTimeout is how long an unused connection to an origin is kept; 0 means [DefaultIdleTimeout]. It should be
	// shorter than the origin's own: a request sent while the origin closes the connection is lost.
	IdleTimeout time.Duration
	// Still evaluates a long request again, about once a second: an upgraded connection, a stream, a long upload. It
	// returns nil while the request stays admitted, and otherwise the refusal. A nil Still disables this.
	Still func(context.Context, *gate.Request, *gate.Answer) *gate.Answer
}

// Proxy sends requests to origins. It is safe for concurrent use.
type Proxy struct {
	// reverse serves all requests. It finds the state of each, a transfer, in the request's context.
	reverse httputil.ReverseProxy
	log     *slog.Logger
	origins sync.Map // the URL's text → *url.URL
	failed  func(policy.Reason)
	watch   watch
}

// DefaultIdleTimeout is shorter than that of common origins: Node closes connections after 5 s.
const DefaultIdleTimeout = 4 * time.Second

// continueTimeout is how long an origin may take to ask for the body of a request with Expect: 100-continue. Some
// origins do not know the header; they get the body then.
const continueTimeout = 5 * time.Second

// New returns a proxy. It calls failed for each request that its origin did not answer.
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
	out := egress.Config{IdleTimeout: cfg.IdleTimeout, DenyAddrs: cfg.Own, Deny: cfg.Deny, MaxConnsPerHost: cfg.Conns,
		MaxHeaderBytes: 1 << 20, RootCAs: cfg.RootCAs}
	t, err := egress.NewTransport(out, func(t *http.Transport) {
		t.ResponseHeaderTimeout = 0 // watch does this
		t.ExpectContinueTimeout = continueTimeout
		t.DisableCompression = true // do not ask the origin for an encoding that the client did not ask for
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return newConn(c), nil
		}
		t.MaxIdleConns = 0 // each origin has its own bound
		t.ReadBufferSize, t.WriteBufferSize = 16<<10, 16<<10
	})
	if err != nil {
		return nil, err
	}
	p := &Proxy{log: log, failed: failed, watch: watch{limit: cfg.HeaderTimeout, still: cfg.Still, conns: cfg.Conns}}
	p.reverse = httputil.ReverseProxy{
		Rewrite: rewrite, Transport: exchange{t}, ModifyResponse: complete, ErrorHandler: p.unanswered, BufferPool: buffers{},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return p, nil
}

// Run watches the requests until ctx ends. It cancels those with a late origin, and ends those that are no longer
// admitted.
func (p *Proxy) Run(ctx context.Context) error { return p.watch.Run(ctx) }

// Request is an admitted request, apart from its net/http part.
type Request struct {
	*gate.Request
	Answer *gate.Answer
	// ForwardedFor is the X-Forwarded-For header for the origin: the TCP peer, after the header of the peer if it is
	// trusted.
	ForwardedFor string
	// From is the peer's address as text.
	From string
}

// Serve sends an admitted request to its origin, and the origin's response to the client.
func (p *Proxy) Serve(w http.ResponseWriter, r *http.Request, q Request) {
	origin, err := p.origin(q.Answer.App.Value.OriginURL)
	if err != nil {
		p.refuse(w, q, policy.NotServed, http.StatusBadGateway)
		return
	}
	ctx, t := p.watch.begin(r.Context(), w, q)
	defer t.end()
	t.origin, t.informs, t.client = origin, r.ProtoAtLeast(1, 1), clientWriter{w, &t.down}
	defer flushAborted(&t.client)
	r = withoutOffer(r.WithContext(ctx))
	if r.ContentLength != 0 {
		r.Body = clientBody{r.Body, &t.up}
	}
	p.reverse.ServeHTTP(&t.client, r)
}

// flushAborted sends the head and the available body of a response that the origin aborted. The connection closes
// afterwards, which is the only sign to the client that the response is incomplete.
func flushAborted(w http.ResponseWriter) {
	if p := recover(); p != nil {
		_ = http.NewResponseController(w).Flush() // the client may have gone
		panic(p)
	}
}

// rewrite turns the client's request into the request for the origin. ReverseProxy has already removed the hop-by-hop
// headers, including those named in the Connection header, so no client can remove a header set here.
func rewrite(pr *httputil.ProxyRequest) {
	t := transferOf(pr.In.Context())
	gate.Clean(pr.Out.Header, t.q.Answer)
	introduce(pr.Out.Header, t.q)
	pr.Out.URL, pr.Out.Host = target(t.origin, t.q.URL), t.q.Answer.Host
	pr.Out.Trailer = nil // an origin could treat an unchecked trailer as a header
}

// complete adds the gateway's own cookies to the origin's response. It also removes the hop-by-hop headers from the
// response that opens a WebSocket; ReverseProxy removes them from all others.
func complete(a *http.Response) error {
	t := transferOf(a.Request.Context())
	t.client.Header()["Content-Type"] = nil // net/http must not guess a type that the origin did not give
	if a.StatusCode == http.StatusSwitchingProtocols {
		protocol := a.Header.Get("Upgrade")
		removeHopByHop(a.Header)
		a.Header["Connection"], a.Header["Upgrade"] = []string{"Upgrade"}, []string{protocol}
	}
	for _, c := range t.q.Answer.SetCookies {
		a.Header.Add("Set-Cookie", c.String())
	}
	return nil
}

// target returns the URL for the origin: the origin's own path, then the evaluated path of the request, and its
// query.
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

// introduce adds the headers that describe the client.
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

// origin parses the URL of an origin and caches the result.
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

// unanswered answers a request without a response from its origin.
func (p *Proxy) unanswered(w http.ResponseWriter, r *http.Request, err error) {
	t := transferOf(r.Context())
	q := t.q
	if a := t.refused.Load(); a != nil {
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
	p.log.Warn("origin did not answer", "ray", q.Answer.Ray, "application", q.Answer.App.Value.ID, "reason", why.String(),
		"err", egress.Explain(err).Sentence)
	clear(w.Header())
	p.refuse(w, q, why, status)
}

func (p *Proxy) refuse(w http.ResponseWriter, q Request, why policy.Reason, status int) {
	p.failed(why)
	h, body := page.Refuse(q.Header,
		&page.Refusal{Status: status, Reason: why, Ray: q.Answer.Ray, Application: q.Answer.App.Value.Name})
	write(w, status, h, body)
}

func write(w http.ResponseWriter, status int, h http.Header, body []byte) {
	maps.Copy(w.Header(), h)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}

// buffers pools the buffers for copying bodies.
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
