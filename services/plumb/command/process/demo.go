package process

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/flags"
	"plumbline.dev/services/plumb"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/demo"
	"plumbline.dev/services/sample"
)

// Demo is the command plumb demo.
type Demo struct {
	processFlags
	flags.SampleAddr
	demoInterval
}

// demoInterval is the flag for the interval of the demo's integration.
type demoInterval struct {
	Interval string `default:"5s" help:"Time between polls of the sample scoring API."`
}

// Run runs every service and the sample scoring API until ctx ends.
func (c *Demo) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Probe {
		return c.Admin.Ask(ctx)
	}
	deps, flush, err := c.deps(ctx)
	if err != nil {
		return err
	}
	defer flush()
	cfg := c.config()
	demo.Guard(&cfg.Gateway)
	service, err := plumb.New(cfg, deps)
	if err != nil {
		return cli.Usage("%w", err)
	}
	demo.Add(service,
		demo.Config{SampleAddr: c.SampleAddr.SampleAddr, Interval: c.Interval, Ready: func(i plumb.Installation) {
			fmt.Fprintln(t.Out, "Plumbline is running. Press Ctrl-C to stop.")
			greet(t.Out, t.OutTTY, i)
			fmt.Fprintf(t.Out, "  %-16s %s results --follow%s\n\n", "follow results", cli.Invocation("plumb"), c.remoteFlags(i))
		}}, deps, t.Out, t.OutTTY)
	return ignoreInterrupt(ctx, service.Run(ctx))
}

// remoteFlags returns the flags that commands need to find an installation that is not at the default address.
func (c *Demo) remoteFlags(i plumb.Installation) string {
	flags := ""
	if i.APIURL != "http://127.0.0.1:8400" {
		flags += " --url " + i.APIURL
	}
	return flags + " --data " + c.Data
}

// startTimeout is how long plumb stack demo waits for the control plane.
const startTimeout = 2 * time.Minute

func (c *stackDemo) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.PatientClient(t)
	if err != nil {
		return err
	}
	if err := await(ctx, cl); err != nil {
		return err
	}
	setup := demo.Setup{Client: cl, ScoringURL: c.SampleURL, Interval: c.Interval, Audience: c.audience,
		Devices: sample.Devices(), Progress: func(what string) { fmt.Fprintln(t.Out, what, "...") }}
	made, err := setup.Run(ctx)
	if err != nil {
		return err
	}
	if made.Again {
		_, err = fmt.Fprintln(t.Out, "everything exists already")
		return err
	}
	_, err = fmt.Fprintf(t.Out, "%d devices are enrolled and polled every %s\n", made.Imported.Enrolled, c.Interval)
	return err
}

// await waits until the control plane answers, or returns its last error.
func await(ctx context.Context, cl *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		_, err := cl.Status(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Second):
		}
	}
}
