// Command evaluator decides pass or fail from scores, and publishes the results.
package main

import (
	"os"
	"time"

	"plumbline.dev/bus/topology"
	"plumbline.dev/services/evaluator"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/internal/seal"
)

func main() {
	var args struct {
		cli.Common
		flags.Identity `set:"sealed=the keys that sign entries"`

		Workers  int           `default:"8" help:"Pages evaluated concurrently."`
		Remember int           `default:"1024" help:"Pages cached in memory, about 100 KB each."`
		Sweep    time.Duration `default:"1s" help:"Time between two searches for expired results."`
	}
	const about = "Decides pass or fail from the scores of each page, and publishes the results."
	os.Exit(cli.Service(topology.Evaluator, about, &args, func(h cli.Host) (cli.Part, error) {
		identities, err := seal.ParseIdentities(args.Identity.Identity)
		if err != nil {
			return nil, err
		}
		return evaluator.New(evaluator.Config{Workers: args.Workers, Remember: args.Remember, Sweep: args.Sweep},
			evaluator.Deps{Bus: h.Bus, Log: h.Log, Metrics: h.Metrics, Clock: h.Clock, Identities: identities})
	}))
}
