// Command fetcher asks scoring APIs about pages of devices.
package main

import (
	"net/netip"
	"os"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var flags struct {
		cli.Common
		cli.Trust
		Identity       string         `required:"" help:"age identities that integrations' secrets are sealed to; give them by PLUMB_IDENTITY_FILE." placeholder:"AGE-SECRET-KEY-1..."`
		MaxInFlight    int            `default:"64" help:"Pages that this process works on at once, about 1 MB each."`
		CallTimeout    time.Duration  `default:"60s" help:"For one page in all: attempts, waits and tokens."`
		AttemptTimeout time.Duration  `default:"20s" help:"For one request and its answer."`
		MaxAnswer      int64          `default:"8388608" help:"Bound of an answer, in bytes."`
		EgressAllow    []netip.Prefix `help:"The only addresses that are called; without it, all that are not denied." placeholder:"CIDR"`
		EgressDeny     []netip.Prefix `help:"Addresses that are not called, beside link-local and metadata ones." placeholder:"CIDR"`
		EgressProxy    bool           `help:"Go through the proxy that the environment names; it is then what is checked."`
	}
	os.Exit(cli.Service(topology.Fetcher, "Asks scoring APIs about each page of devices, and passes their scores on.", &flags, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(flags.Identity)
		if err != nil {
			return nil, err
		}
		return fetcher.New(fetcher.Config{MaxInFlight: flags.MaxInFlight, CallTimeout: flags.CallTimeout, AttemptTimeout: flags.AttemptTimeout,
			MaxAnswer: flags.MaxAnswer, Egress: egress.Config{Allow: flags.EgressAllow, Deny: flags.EgressDeny,
				DenyAddrs: flags.OwnAddrs(), Proxy: flags.EgressProxy, RootCAs: flags.Roots()}},
			fetcher.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
