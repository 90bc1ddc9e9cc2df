// Package gatewayflags holds the flags of the gateway, for its own binary and for plumb up.
package gatewayflags

import (
	"net/netip"
	"time"

	"plumbline.dev/services/gateway"
)

// Flags are the flags of the gateway.
type Flags struct {
	TLSCert         string         `name:"tls-cert" type:"path" help:"PEM file with the certificate chain; reloaded when it changes." placeholder:"PATH"`
	TLSKey          string         `name:"tls-key" type:"path" help:"PEM file with the key of --tls-cert." placeholder:"PATH"`
	DeviceCA        string         `name:"device-ca" type:"path" help:"PEM file with the authorities of device certificates." placeholder:"PATH"`
	Overlay         []netip.Prefix `help:"Networks in which the source address identifies the device, by virtual_ipv4." placeholder:"CIDR"`
	TrustedProxy    []netip.Prefix `help:"Proxies trusted to send X-Forwarded-For, -Proto and -Host." placeholder:"CIDR"`
	ForwardAuthFrom []netip.Prefix `help:"Proxies that may use forward auth: nginx, Traefik, Caddy, Envoy." placeholder:"CIDR"`
	ExtAuthzAddr    string         `help:"Listen address of Envoy's ext_authz service (gRPC). Default: none." placeholder:"HOST:PORT"`
	ExtAuthzCert    string         `name:"ext-authz-cert" type:"path" help:"PEM file with the certificate for Envoy. Default: plaintext gRPC." placeholder:"PATH"`
	ExtAuthzKey     string         `name:"ext-authz-key" type:"path" help:"PEM file with the key of --ext-authz-cert." placeholder:"PATH"`
	ExtAuthzCA      string         `name:"ext-authz-ca" type:"path" help:"PEM file with the authorities of Envoy's client certificates." placeholder:"PATH"`
	OriginIdle      time.Duration  `name:"origin-idle-timeout" default:"4s" help:"Time an idle origin connection is kept; shorter than the origin's own (Node: 5s)."`
	OriginDeny      []netip.Prefix `help:"Networks never used as origins, besides link-local and metadata addresses." placeholder:"CIDR"`
	StaleLimit      time.Duration  `name:"hold" default:"5m" help:"Time the gateway keeps deciding on its last data without the bus; then it denies."`
}

// Config returns the gateway's configuration from the flags.
func (f *Flags) Config() gateway.Config {
	return gateway.Config{TLSCert: f.TLSCert, TLSKey: f.TLSKey, DeviceCA: f.DeviceCA, Overlay: f.Overlay,
		TrustedProxy: f.TrustedProxy, ForwardAuthFrom: f.ForwardAuthFrom, ExtAuthzAddr: f.ExtAuthzAddr,
		ExtAuthzCert: f.ExtAuthzCert, ExtAuthzKey: f.ExtAuthzKey, ExtAuthzCA: f.ExtAuthzCA, OriginIdle: f.OriginIdle,
		OriginDeny: f.OriginDeny, StaleLimit: f.StaleLimit}
}
