// Package fetcherflags holds the flags of the fetcher, for its own binary and for plumb up.
package fetcherflags

import (
	"net/netip"
	"time"

	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/flags"
)

// Flags are the flags of the fetcher.
type Flags struct {
	MaxInFlight    int            `default:"64" help:"Concurrent pages at most, about 1 MB of memory each."`
	CallTimeout    time.Duration  `default:"60s" help:"Timeout for a page, with its attempts, waits and token requests."`
	AttemptTimeout time.Duration  `default:"20s" help:"Timeout for one request."`
	MaxAnswer      int64          `default:"8388608" help:"Size of a response at most, in bytes."`
	EgressAllow    []netip.Prefix `help:"Networks that scoring APIs may be in. Default: any not denied." placeholder:"CIDR"`
	EgressProxy    bool           `help:"Use the proxy of the environment; the networks are then checked for the proxy."`
	flags.EgressDeny
}

// Config returns the fetcher's configuration from the flags.
func (f *Flags) Config() fetcher.Config {
	return fetcher.Config{MaxInFlight: f.MaxInFlight, CallTimeout: f.CallTimeout, AttemptTimeout: f.AttemptTimeout,
		MaxAnswer: f.MaxAnswer,
		Egress:    egress.Config{Allow: f.EgressAllow, Deny: f.EgressDeny.EgressDeny, Proxy: f.EgressProxy}}
}
