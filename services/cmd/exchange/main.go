// Command exchange owns the signing keys and exchanges service credentials for application tokens.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var args struct {
		cli.Common
		flags.TeamDomain
		AccessAddr     string `help:"Listen address for the public keys. Default: none; the gateway serves them too." placeholder:"HOST:PORT"`
		flags.Identity `set:"sealed=the signing keys"`
	}
	const about = "Owns the signing keys; exchanges service credentials for application tokens."
	os.Exit(cli.Service(topology.Exchange, about, &args, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(args.Identity.Identity)
		if err != nil {
			return nil, err
		}
		return exchange.New(exchange.Config{TeamDomain: args.TeamDomain.TeamDomain, AccessAddr: args.AccessAddr},
			exchange.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
