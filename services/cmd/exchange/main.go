// Command exchange owns the signing keys and exchanges credentials for application tokens.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/exchange"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var flags struct {
		cli.Common
		AccessAddr string `help:"Where the exchange itself serves the public keys; nowhere unless it is given. The gateway serves them." placeholder:"HOST:PORT"`
		TeamDomain string `default:"http://127.0.0.1:8401" help:"Issuer of application tokens, and base of the URL of the public keys."`
		Identity   string `required:"" help:"age identities that signing keys are sealed to; give them by PLUMB_IDENTITY_FILE." placeholder:"AGE-SECRET-KEY-1..."`
	}
	os.Exit(cli.Service(topology.Exchange, "Owns the signing keys; exchanges service credentials for application tokens.", &flags, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(flags.Identity)
		if err != nil {
			return nil, err
		}
		return exchange.New(exchange.Config{TeamDomain: flags.TeamDomain, AccessAddr: flags.AccessAddr},
			exchange.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
