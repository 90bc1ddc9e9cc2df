// Command evaluator decides pass or fail from scores, and publishes the results.
package main

import (
	"os"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/internal/cli"
)

func main() {
	var flags struct {
		cli.Common
		Workers  int           `default:"8" help:"Pages that are evaluated at once."`
		Remember int           `default:"1024" help:"Pages whose newest entries are kept in memory, about 100 KB each."`
		Sweep    time.Duration `default:"1s" help:"How often results that expired are looked for."`
	}
	os.Exit(cli.Service(topology.Evaluator, "Decides pass or fail from the scores of each page, and publishes the results.", &flags, func(h cli.Host) (cli.Part, error) {
		return evaluator.New(evaluator.Config{Workers: flags.Workers, Remember: flags.Remember, Sweep: flags.Sweep},
			evaluator.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
