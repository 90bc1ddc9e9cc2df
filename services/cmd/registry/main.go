// Command registry places devices into pages.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/registry"
)

func main() {
	var flags struct {
		cli.Common
		MaxPages int `help:"Pages that one commit may touch, 1 to 999; without it, 999." placeholder:"N"`
		MaxBytes int `help:"About how large one commit may become; without it, 16 MiB." placeholder:"BYTES"`
	}
	os.Exit(cli.Service(topology.Registry, "Places devices into pages of up to 1,000.", &flags, func(h cli.Host) (cli.Part, error) {
		return registry.New(registry.Config{MaxPages: flags.MaxPages, MaxBytes: flags.MaxBytes},
			registry.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
