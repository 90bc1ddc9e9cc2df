// Command gateway guards applications: it decides about each request and sends those that it admits on.
package main

import (
	"net/netip"
	"os"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/gateway"
	"plumbline.dev/services/internal/cli"
)

func main() {
	var flags struct {
		cli.Common
		cli.Trust
		AccessAddr      string         `default:"127.0.0.1:8401" help:"Where applications, logins and public keys are served."`
		TeamDomain      string         `default:"http://127.0.0.1:8401" help:"Where people log in, and issuer of application tokens."`
		TLSCert         string         `name:"tls-cert" type:"path" help:"PEM file of the certificate and those behind it; read again when it changes." placeholder:"PATH"`
		TLSKey          string         `name:"tls-key" type:"path" help:"PEM file of its key." placeholder:"PATH"`
		DeviceCA        string         `name:"device-ca" type:"path" help:"PEM file of the authorities of client certificates." placeholder:"PATH"`
		Overlay         []netip.Prefix `help:"Networks in which the source address tells the device, by its virtual_ipv4." placeholder:"CIDR"`
		TrustedProxy    []netip.Prefix `help:"Proxies in front whose X-Forwarded-For, -Proto and -Host are believed." placeholder:"CIDR"`
		ForwardAuthFrom []netip.Prefix `help:"Proxies that may ask about requests: nginx, Traefik, Caddy, Envoy." placeholder:"CIDR"`
		ExtAuthzAddr    string         `help:"Where Envoy asks, over gRPC; without it, nowhere." placeholder:"HOST:PORT"`
		ExtAuthzCert    string         `name:"ext-authz-cert" type:"path" help:"PEM file of the certificate that Envoy is shown; without it, gRPC is spoken in plain." placeholder:"PATH"`
		ExtAuthzKey     string         `name:"ext-authz-key" type:"path" help:"PEM file of its key." placeholder:"PATH"`
		ExtAuthzCA      string         `name:"ext-authz-ca" type:"path" help:"PEM file of the authorities of the certificates that Envoys must show." placeholder:"PATH"`
		OriginIdle      time.Duration  `name:"origin-idle-timeout" default:"4s" help:"How long an unused connection to an origin is kept; less than the origin keeps it (Node: 5s)."`
		EgressDeny      []netip.Prefix `help:"Addresses at which no identity provider, key URL or external evaluation is called, beside link-local and metadata ones." placeholder:"CIDR"`
		OriginDeny      []netip.Prefix `help:"Addresses that no request is sent to as an origin, beside link-local and metadata ones." placeholder:"CIDR"`
		Hold            time.Duration  `default:"5m" help:"How long to go on with what was last known, when the bus cannot be reached; then refuse."`
		SessionKey      string         `required:"" help:"Key of what browsers carry, 64 hex characters, the same at every gateway; give it by PLUMB_SESSION_KEY_FILE." placeholder:"HEX"`
		Identity        string         `required:"" help:"age identities that the secrets of identity providers are sealed to; give them by PLUMB_IDENTITY_FILE." placeholder:"AGE-SECRET-KEY-1..."`
	}
	cli.MemoryForTime()
	os.Exit(cli.Service(topology.Gateway, "Guards applications: service tokens, logins, the posture of devices.", &flags, func(h cli.Host) (cli.Part, error) {
		key, identities, err := gateway.ParseKeys(flags.SessionKey, flags.Identity)
		if err != nil {
			return nil, err
		}
		return gateway.New(gateway.Config{AccessAddr: flags.AccessAddr, TeamDomain: flags.TeamDomain, TLSCert: flags.TLSCert, TLSKey: flags.TLSKey, DeviceCA: flags.DeviceCA,
			Overlay: flags.Overlay, TrustedProxy: flags.TrustedProxy, ForwardAuthFrom: flags.ForwardAuthFrom, ExtAuthzAddr: flags.ExtAuthzAddr,
			ExtAuthzCert: flags.ExtAuthzCert, ExtAuthzKey: flags.ExtAuthzKey, ExtAuthzCA: flags.ExtAuthzCA,
			EgressDeny: flags.EgressDeny, OriginDeny: flags.OriginDeny, OriginIdle: flags.OriginIdle, Hold: flags.Hold, SessionKey: key, Own: flags.OwnAddrs(), RootCAs: flags.Roots()}, gateway.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
