package gateway

import (
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/bus"
	"plumbline.dev/services/gateway/login"
	"plumbline.dev/services/gateway/staleness"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
	"plumbline.dev/services/internal/teamdomain"
)

// logBacklog is the number of distinct decisions per second that are written to ACCESS_LOG. Any further ones are
// dropped and counted.
const logBacklog = 16384

// Config is the operator's configuration.
type Config struct {
	// AccessAddr is the address of the gateway's listener, host:port.
	AccessAddr string
	// TeamDomain is the address for logins and the issuer of application tokens: http or https, host and port,
	// without a path.
	TeamDomain string
	// TLSCert and TLSKey name PEM files, which are reloaded when they change; both empty: no TLS.
	TLSCert, TLSKey string
	// DeviceCA names a PEM file with the authorities of client certificates, reloaded when it changes. If it is
	// empty, no client certificate is requested. It requires TLS, or an Envoy that forwards certificates.
	DeviceCA string
	// Overlay lists the networks in which a source address identifies the device.
	Overlay []netip.Prefix
	// TrustedProxy lists the addresses of proxies with trusted X-Forwarded-For, -Proto and -Host headers.
	TrustedProxy []netip.Prefix
	// ForwardAuthFrom lists the addresses of proxies that may ask about the requests of others.
	ForwardAuthFrom []netip.Prefix
	// ExtAuthzAddr is the address of the gRPC listener for Envoy; empty: none.
	ExtAuthzAddr string
	// ExtAuthzCert and ExtAuthzKey name PEM files, reloaded when they change, for TLS on the gRPC listener.
	// ExtAuthzCA, also reloaded, has the authorities of the certificates required from Envoy; empty: none.
	ExtAuthzCert, ExtAuthzKey, ExtAuthzCA string
	// OriginIdle is how long an unused connection to an origin is kept; 0 means [proxy.DefaultIdleTimeout].
	OriginIdle time.Duration
	// StaleLimit is how long the last known state is used while it cannot be confirmed; 0 means [staleness.Default].
	StaleLimit time.Duration
	// SessionKey encrypts the login state in browsers: [login.KeySize] bytes, the same at every gateway.
	SessionKey []byte
	// Own lists our other listeners, host:port, which must not be origins.
	Own []string
	// RootCAs are the certificate authorities of identity providers, key URLs and origins; nil: the system's.
	RootCAs *x509.CertPool
	// EgressDeny lists addresses that are denied for identity providers, key URLs and external evaluations.
	// OriginDeny lists those denied for origins. Link-local and metadata addresses are always denied.
	EgressDeny, OriginDeny []netip.Prefix
}

// Deps are the dependencies of the service.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities decrypt the secrets of identity providers.
	Identities []age.Identity
}

// withDefaults checks the configuration and fills in defaults.
func (c Config) withDefaults() (Config, error) {
	issuer, err := teamdomain.Issuer(c.TeamDomain)
	if err != nil {
		return c, err
	}
	c.TeamDomain = issuer
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return c, errors.New("a TLS certificate needs its key: give both or neither")
	case c.DeviceCA != "" && c.TLSCert == "" && c.ExtAuthzAddr == "":
		return c, errors.New("client certificates (--device-ca) need TLS: give --tls-cert and --tls-key")
	case (c.ExtAuthzCert == "") != (c.ExtAuthzKey == ""):
		return c, errors.New("a TLS certificate needs its key: give --ext-authz-cert and --ext-authz-key, or neither")
	case c.ExtAuthzCA != "" && c.ExtAuthzCert == "":
		return c, errors.New(
			"the certificates of Envoys (--ext-authz-ca) need TLS: give --ext-authz-cert and --ext-authz-key")
	case c.ExtAuthzCert != "" && c.ExtAuthzAddr == "":
		return c, errors.New("--ext-authz-cert requires --ext-authz-addr")
	case len(c.SessionKey) != login.KeySize:
		return c, fmt.Errorf("the session key must have %[2]d bytes, has %[1]d", len(c.SessionKey), login.KeySize)
	case c.OriginIdle < 0:
		return c, errors.New("--origin-idle-timeout must not be negative")
	case c.StaleLimit < 0:
		return c, errors.New("--hold must not be negative")
	}
	if c.StaleLimit == 0 {
		c.StaleLimit = staleness.Default
	}
	return c, nil
}

// own returns our listeners with a known port, which must not be origins.
func (c Config) own() []string {
	var all []string
	for _, addr := range append([]string{c.AccessAddr, c.ExtAuthzAddr}, c.Own...) {
		if _, port, err := net.SplitHostPort(addr); err == nil && port != "0" {
			all = append(all, addr)
		}
	}
	return all
}

// ParseKeys parses the session key, in hex, and the age identities. Its errors contain no part of either.
func ParseKeys(session, identity string) ([]byte, []age.Identity, error) {
	key, err := hex.DecodeString(session)
	if err != nil || len(key) != login.KeySize {
		return nil, nil, fmt.Errorf("the session key must have %d hex characters", 2*login.KeySize)
	}
	identities, err := seal.ParseIdentities(identity)
	return key, identities, err
}
