// Command fetcher calls scoring APIs with pages of devices.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/fetcher"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/flags/fetcherflags"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var args struct {
		cli.Common
		cli.Trust
		fetcherflags.Flags
		flags.Identity `set:"sealed=integrations' secrets"`
	}
	const about = "Calls scoring APIs with pages of devices and publishes their scores."
	os.Exit(cli.Service(topology.Fetcher, about, &args, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(args.Identity.Identity)
		if err != nil {
			return nil, err
		}
		cfg := args.Flags.Config()
		cfg.Egress.DenyAddrs, cfg.Egress.RootCAs = args.OwnAddrs(), args.Roots()
		return fetcher.New(cfg,
			fetcher.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
