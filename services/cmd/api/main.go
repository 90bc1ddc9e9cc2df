// Command api serves the control plane.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/api"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/flags/apiflags"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var args struct {
		cli.Common
		//lint:ignore SA5008 kong reads every set of a struct
		apiflags.Flags `set:"min_interval=1m" set:"account_default=none" set:"token_default=none"`
		flags.TeamDomain
		SealTo         string `required:"" help:"age recipients of the fetchers, for integrations' secrets." placeholder:"age1..."`
		SealDispatcher string `help:"age recipients of the dispatchers, for destinations." placeholder:"age1..."`
		SealGateway    string `help:"age recipients of the gateways, for identity providers' secrets." placeholder:"age1..."`
	}
	const about = "Serves the control plane, the Cloudflare v4 API."
	os.Exit(cli.Service(topology.API, about, &args, func(h cli.Host) (cli.Part, error) {
		cfg := args.Flags.Config()
		cfg.TeamDomain = args.TeamDomain.TeamDomain
		var err error
		if cfg.SealTo, err = seal.ParseRecipients(args.SealTo); err != nil {
			return nil, err
		}
		if args.SealDispatcher != "" {
			if cfg.SealDispatcher, err = seal.ParseRecipients(args.SealDispatcher); err != nil {
				return nil, err
			}
		}
		if args.SealGateway != "" {
			if cfg.SealGateway, err = seal.ParseRecipients(args.SealGateway); err != nil {
				return nil, err
			}
		}
		return api.New(cfg, api.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
