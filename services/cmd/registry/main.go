// Command registry assigns devices to pages.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/registry"
)

func main() {
	var args struct {
		cli.Common
		MaxPages int `help:"Pages changed by one commit at most, 1 to 999. Default: 999." placeholder:"N"`
		MaxBytes int `help:"Approximate size of one commit at most, in bytes. Default: 16 MiB." placeholder:"BYTES"`
	}
	const about = "Assigns devices to pages of up to 1,000."
	os.Exit(cli.Service(topology.Registry, about, &args, func(h cli.Host) (cli.Part, error) {
		return registry.New(registry.Config{MaxPages: args.MaxPages, MaxBytes: args.MaxBytes},
			registry.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
