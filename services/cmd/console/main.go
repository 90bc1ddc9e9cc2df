// Command console serves the console: what the API supports, in a browser.
package main

import (
	"os"

	"plumbline.dev/services/console"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags/consoleflags"
)

func main() {
	var args struct {
		cli.Process
		consoleflags.Flags
	}
	const about = "Serves the console, a client of the control plane in a browser."
	os.Exit(cli.Standalone("console", about, &args, &args.Process, func(h cli.Host) (cli.Part, error) {
		return console.New(args.Flags.Config(), console.Deps{Log: h.Log, Metrics: h.Metrics, Clock: h.Clock})
	}))
}
