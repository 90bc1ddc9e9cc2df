// Command dispatcher delivers events to destinations.
package main

import (
	"net/netip"
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/dispatcher"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/egress"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var args struct {
		cli.Common
		cli.Trust
		ConsoleURL  string         `help:"URL of the console, for links in messages. Default: no links." placeholder:"URL"`
		EgressAllow []netip.Prefix `help:"Networks that destinations may be in. Default: any not denied." placeholder:"CIDR"`
		EgressProxy bool           `help:"Use the proxy of the environment; the networks are then checked for the proxy."`
		flags.EgressDeny
		flags.Identity `set:"sealed=destinations' URLs and secrets"`
	}
	const about = "Delivers events to destinations, such as webhooks, in order, until they are accepted."
	os.Exit(cli.Service(topology.Dispatcher, about, &args, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(args.Identity.Identity)
		if err != nil {
			return nil, err
		}
		return dispatcher.New(dispatcher.Config{ConsoleURL: args.ConsoleURL, Egress: egress.Config{Allow: args.EgressAllow,
			Deny: args.EgressDeny.EgressDeny, Proxy: args.EgressProxy, DenyAddrs: args.OwnAddrs(), RootCAs: args.Roots()}},
			dispatcher.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
