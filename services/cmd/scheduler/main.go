// Command scheduler works out when each integration is due.
package main

import (
	"os"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/scheduler"
)

func main() {
	var flags struct{ cli.Common }
	os.Exit(cli.Service(topology.Scheduler, "Works out when each integration is due, and publishes its ticks.", &flags, func(h cli.Host) (cli.Part, error) {
		return scheduler.New(scheduler.Config{}, scheduler.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
