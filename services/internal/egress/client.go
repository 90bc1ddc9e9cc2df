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

// New makes a client. It follows no redirect: the answer that asks for one is returned. It keeps no
// cookies. It has no timeout of its own for a whole call: give each request a context that ends.
//
// [Explain] tells what its errors mean.
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

// NewTransport is what a client of [New] calls through, for whoever passes on requests that others made. tune
// is called with each of the transports that it is made of. It may wrap how they connect, and change all else.
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

// transport is one transport for each scheme, since their dialers decide differently.
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

// CloseIdleConnections is found by http.Client's method of that name.
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
		dialer.ControlContext = p.control("") // the proxy is plain http itself, and where it leads is unknown
	}
	return &http.Transport{
		Proxy:       proxy,
		DialContext: dialer.DialContext,
		// A dialer of one's own turns HTTP/2 off unless it is asked for.
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
		// A connection shared by many calls must not hang them all on a server that is gone.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}

// control checks each address between its resolution and the connection.
func (p *policy) control(scheme string) func(context.Context, string, string, syscall.RawConn) error {
	return func(ctx context.Context, network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || network != "tcp4" && network != "tcp6" {
			return fmt.Errorf("egress to %s %s", network, address)
		}
		return p.check(ctx, scheme, to)
	}
}
