package egress

import (
	"crypto/x509"
	"net/netip"
	"time"
)

// dialTimeout bounds resolving the name and connecting.
const dialTimeout = 5 * time.Second

// Config sets which addresses may be called, and the timeouts. The zero value is usable.
type Config struct {
	// Allow, if not empty, lists the only allowed addresses. Denied addresses stay denied.
	Allow []netip.Prefix
	// Deny lists denied addresses, in addition to link-local, metadata, multicast and unspecified ones, which are
	// always denied.
	Deny []netip.Prefix
	// DenyAddrs lists our own endpoints, host:port as in a listener or a URL. An empty or unspecified host stands for
	// every address of this machine, a loopback address for every loopback address, and a name for its addresses at
	// the time of the call.
	DenyAddrs []string
	// Proxy enables the proxy variables of the environment. The checks then apply to the proxy's address; the proxy
	// decides about its targets, including plain http.
	Proxy bool
	// RootCAs replace the system's certificate authorities.
	RootCAs *x509.CertPool

	MaxConnsPerHost int           // default 256
	TLSTimeout      time.Duration // default 5 s
	HeaderTimeout   time.Duration // from the end of the request to the response's headers; default 60 s
	IdleTimeout     time.Duration // of an unused connection; default 90 s
	MaxHeaderBytes  int64         // of a response; default 64 KiB
}

func (c Config) withDefaults() Config {
	c.MaxConnsPerHost = orElse(c.MaxConnsPerHost, 256)
	c.TLSTimeout = orElse(c.TLSTimeout, 5*time.Second)
	c.HeaderTimeout = orElse(c.HeaderTimeout, 60*time.Second)
	c.IdleTimeout = orElse(c.IdleTimeout, 90*time.Second)
	c.MaxHeaderBytes = orElse(c.MaxHeaderBytes, 64<<10)
	return c
}

func orElse[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
