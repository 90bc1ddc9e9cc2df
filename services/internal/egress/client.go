package egress

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// New returns a client. It returns redirects instead of following them, and keeps no cookies. It has no timeout for a
// whole call: give each request a context with a deadline.
//
// [Explain] describes its errors.
func New(cfg Config) (*http.Client, error) {
	t, err := NewTransport(cfg, func(*http.Transport) {})
	if err != nil {
		return nil, err
	}
	return &http.Client{
		Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}, nil
}

// NewTransport returns the transport of a client of [New], for proxies. It calls tune with each underlying transport.
// tune may wrap the dialer, and change everything else.
func NewTransport(cfg Config, tune func(*http.Transport)) (http.RoundTripper, error) {
	cfg = cfg.withDefaults()
	p, err := newPolicy(cfg)
	if err != nil {
		return nil, err
	}
	t := &transport{"http": newTransport(cfg, p, "http"), "https": newTransport(cfg, p, "https")}
	for _, of := range *t {
		tune(of)
	}
	return t, nil
}

func dialer(cfg Config, p *policy, scheme string) *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second, ControlContext: p.control(scheme)}
}

// transport holds one transport for each scheme, because their dialers have different rules.
type transport map[string]*http.Transport

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	of, ok := (*t)[r.URL.Scheme]
	if !ok {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, badURL("The URL must begin with https:// or http://.")
	}
	return of.RoundTrip(r)
}

// CloseIdleConnections is called by the http.Client method of the same name.
func (t *transport) CloseIdleConnections() {
	for _, of := range *t {
		of.CloseIdleConnections()
	}
}

func newTransport(cfg Config, p *policy, scheme string) *http.Transport {
	dialer := dialer(cfg, p, scheme)
	var proxy func(*http.Request) (*url.URL, error)
	if cfg.Proxy {
		proxy = http.ProxyFromEnvironment
		dialer.ControlContext = p.control("") // the proxy itself uses plain http, and its targets are unknown
	}
	return &http.Transport{
		Proxy:       proxy,
		DialContext: dialer.DialContext,
		// A custom dialer disables HTTP/2 unless it is requested.
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.RootCAs},
		TLSHandshakeTimeout:    cfg.TLSTimeout,
		ResponseHeaderTimeout:  cfg.HeaderTimeout,
		IdleConnTimeout:        cfg.IdleTimeout,
		MaxResponseHeaderBytes: cfg.MaxHeaderBytes,
		MaxConnsPerHost:        cfg.MaxConnsPerHost,
		MaxIdleConnsPerHost:    cfg.MaxConnsPerHost,
		MaxIdleConns:           2 * cfg.MaxConnsPerHost,
		// A page is about 200 KB out and 80 KB in: fewer, larger reads and writes.
		WriteBufferSize: 32 << 10,
		ReadBufferSize:  32 << 10,
		// A shared connection must not block its calls forever when the server is gone.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// control checks each address after resolution and before the connection.
func (p *policy) control(scheme string) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("egress to %s %s", network, address)
		}
		return p.check(ctx, scheme, to)
	}
}
