package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Main parses the command line into grammar, calls run, and returns the exit code. SIGINT or SIGTERM ends ctx; a
// second signal ends the process at once.
func Main(app App, grammar any, run func(ctx context.Context, k *kong.Context) error) int {
	if len(os.Args) == 2 && os.Args[1] == "--version" {
		fmt.Fprintf(os.Stdout, "%s %s\nschemas: %s\n", app.Name, Version(), strings.Join(Schemas(), ", "))
		return ExitOK
	}
	k, err := newParser(app, grammar).Parse(words(os.Args[1:]))
	if group, is := unfinished(err); is {
		// A command group without a command lists its commands.
		return report(os.Stderr, app.Name, app.Name, group.PrintUsage(false))
	}
	if err != nil {
		return report(os.Stderr, app.Name, meant(app.Name, err), err)
	}
	ctx, stop := untilSignal(context.Background())
	defer stop()
	return report(os.Stderr, app.Name, path(app.Name, k), run(ctx, k))
}

// errSignal is the cause of the end of [Main]'s context.
var errSignal = errors.New("interrupted")

func untilSignal(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for count := 0; ; count++ {
			select {
			case <-done:
				return
			case <-signals:
			}
			if count > 0 {
				os.Exit(ExitFailure)
			}
			cancel(errSignal)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
