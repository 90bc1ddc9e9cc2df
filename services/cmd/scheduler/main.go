// Command scheduler works out when each integration is due.
package main

import (
	"os"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/scheduler"
)

func main() {
	var flags struct {
		cli.Common
		MinInterval time.Duration `default:"1m" help:"Shortest interval that an integration may have, as the api's: a changed integration is polled again no sooner than this after its last poll."`
	}
	os.Exit(cli.Service(topology.Scheduler, "Works out when each integration is due, and publishes its ticks.", &flags, func(h cli.Host) (cli.Part, error) {
		return scheduler.New(scheduler.Config{MinInterval: flags.MinInterval}, scheduler.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
