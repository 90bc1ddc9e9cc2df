package egress

import (
	"crypto/x509"
	"net/netip"
	"time"
)

// dialTimeout bounds resolving the name and connecting.
const dialTimeout = 5 * time.Second

// Config says what may be called and how long anything may take. The zero value is usable.
type Config struct {
	// Allow, where it is not empty, are the only addresses that are called. What is denied stays denied.
	Allow []netip.Prefix
	// Deny are addresses that are not called, beside link-local, metadata, multicast and unspecified ones,
	// which never are.
	Deny []netip.Prefix
	// DenyAddrs are endpoints of our own, host:port as a listener or a URL has them. A host that is empty or
	// unspecified means every address of this machine, a loopback address every loopback address, and a name
	// whatever it resolves to when it matters.
	DenyAddrs []string
	// Proxy makes the proxy variables of the environment count. The addresses that are checked are then the
	// proxy's: what it calls is up to it, also over plain http.
	Proxy bool
	// RootCAs are trusted in place of the system's.
	RootCAs *x509.CertPool

	MaxConnsPerHost int           // default 256
	TLSTimeout      time.Duration // default 5 s
	HeaderTimeout   time.Duration // from the request's end to the answer's headers; default 60 s
	IdleTimeout     time.Duration // of a kept connection; default 90 s
	MaxHeaderBytes  int64         // of an answer; default 64 KiB
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
