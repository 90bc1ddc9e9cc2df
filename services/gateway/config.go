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
	"plumbline.dev/services/gateway/hold"
	"plumbline.dev/services/gateway/login"
	"plumbline.dev/services/internal/clock"
	"plumbline.dev/services/internal/seal"
	"plumbline.dev/services/internal/teamdomain"
)

// logBacklog is the number of distinct decisions per second that are written to ACCESS_LOG. Any further ones are
// dropped and counted.
const logBacklog = 16384

// Config is what the operator decides.
type Config struct {
	// AccessAddr is where the gateway listens, host:port.
	AccessAddr string
	// TeamDomain is where people log in, and the issuer of application tokens: http or https, host and port,
	// nothing behind.
	TeamDomain string
	// TLSCert and TLSKey name PEM files, which are read again when they change; both empty: no TLS.
	TLSCert, TLSKey string
	// DeviceCA names a PEM file of the authorities of client certificates, read again when it changes; empty:
	// clients are not asked for one. It needs TLS, or an Envoy that passes certificates on.
	DeviceCA string
	// Overlay are the networks in which a source address tells the device.
	Overlay []netip.Prefix
	// TrustedProxy are the addresses whose X-Forwarded-For, -Proto and -Host are believed.
	TrustedProxy []netip.Prefix
	// ForwardAuthFrom are the addresses of proxies that may ask about others' requests.
	ForwardAuthFrom []netip.Prefix
	// ExtAuthzAddr is where Envoy asks over gRPC; empty: nowhere.
	ExtAuthzAddr string
	// ExtAuthzCert and ExtAuthzKey name PEM files, read again when they change: with them Envoy asks over TLS.
	// ExtAuthzCA, likewise, has the authorities of the certificates that Envoys must then show; empty: none.
	ExtAuthzCert, ExtAuthzKey, ExtAuthzCA string
	// OriginIdle is how long an unused connection to an origin is kept; 0 means [proxy.DefaultIdleTimeout].
	OriginIdle time.Duration
	// Hold is for how long what was last known is good enough while it cannot be confirmed; 0 means
	// [hold.Default].
	Hold time.Duration
	// SessionKey seals what browsers carry: [login.KeySize] bytes, the same at every gateway.
	SessionKey []byte
	// Own are other listeners of ours, host:port, which are no origins of applications.
	Own []string
	// RootCAs are the authorities of identity providers, key URLs and origins; nil: the system's.
	RootCAs *x509.CertPool
	// EgressDeny are addresses at which no identity provider, key URL or external evaluation is called, OriginDeny
	// those that no request is sent to, both beside link-local and metadata ones.
	EgressDeny, OriginDeny []netip.Prefix
}

// Deps is what the service works with.
type Deps struct {
	Bus     *bus.Conn
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Clock   clock.Clock
	// Identities open the secrets of identity providers, which are sealed to them.
	Identities []age.Identity
}

// withDefaults checks the configuration and fills in what it leaves out.
func (c Config) withDefaults() (Config, error) {
	issuer, err := teamdomain.Issuer(c.TeamDomain)
	if err != nil {
		return c, err
	}
	c.TeamDomain = issuer
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return c, errors.New("a TLS certificate and its key come together: give both or none")
	case c.DeviceCA != "" && c.TLSCert == "" && c.ExtAuthzAddr == "":
		return c, errors.New("client certificates (--device-ca) need TLS: give --tls-cert and --tls-key")
	case (c.ExtAuthzCert == "") != (c.ExtAuthzKey == ""):
		return c, errors.New("a TLS certificate and its key come together: give --ext-authz-cert and --ext-authz-key, or neither")
	case c.ExtAuthzCA != "" && c.ExtAuthzCert == "":
		return c, errors.New("the certificates of Envoys (--ext-authz-ca) need TLS: give --ext-authz-cert and --ext-authz-key")
	case c.ExtAuthzCert != "" && c.ExtAuthzAddr == "":
		return c, errors.New("nothing listens that --ext-authz-cert would be for: give --ext-authz-addr")
	case len(c.SessionKey) != login.KeySize:
		return c, fmt.Errorf("the session key has %d bytes and must have %d", len(c.SessionKey), login.KeySize)
	case c.OriginIdle < 0:
		return c, errors.New("--origin-idle-timeout must not be negative")
	case c.Hold < 0:
		return c, errors.New("hold must not be negative")
	}
	if c.Hold == 0 {
		c.Hold = hold.Default
	}
	return c, nil
}

// own are the listeners that no application's requests are sent to, those that are known by their port.
func (c Config) own() []string {
	var all []string
	for _, addr := range append([]string{c.AccessAddr, c.ExtAuthzAddr}, c.Own...) {
		if _, port, err := net.SplitHostPort(addr); err == nil && port != "0" {
			all = append(all, addr)
		}
	}
	return all
}

// ParseKeys reads the session key, in hex, and the age identities. No error holds any of either.
func ParseKeys(session, identity string) ([]byte, []age.Identity, error) {
	key, err := hex.DecodeString(session)
	if err != nil || len(key) != login.KeySize {
		return nil, nil, fmt.Errorf("the session key is not of %d hex characters", 2*login.KeySize)
	}
	identities, err := seal.ParseIdentities(identity)
	return key, identities, err
}
