// Command scheduler decides when each integration is due.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/scheduler"
)

func main() {
	var args struct {
		cli.Common
		flags.MinInterval `set:"min_interval=1m"`
	}
	const about = "Decides when each integration is due, and publishes its ticks."
	os.Exit(cli.Service(topology.Scheduler, about, &args, func(h cli.Host) (cli.Part, error) {
		return scheduler.New(scheduler.Config{MinInterval: args.MinInterval.MinInterval},
			scheduler.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
