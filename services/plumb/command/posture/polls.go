package posture

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Polls is the command plumb polls.
type Polls struct {
	remote.Flags
	render.Reading
	integrationName
	Limit int `default:"20" env:"-" help:"Number of polls at most."`
}

// Help returns the text that --help shows below the summary.
func (Polls) Help() string {
	return "All integrations share one sequence of poll numbers, so the numbers of one integration have gaps."
}

// Run lists the newest polls of an integration.
func (c *Polls) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	integration, err := resource.ID(ctx, cl.Integrations, c.Integration)
	if err != nil {
		return err
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		all, err := cl.Polls(ctx, integration, c.Limit)
		return all, func(tab *render.Table) {
			tab.Row("POLL", "BEGAN", "TOOK", "LONGEST CALL", "PAGES", "DEVICES", "PASS", "FAIL", "UNKNOWN", "CHANGED",
				"FAILED PAGES")
			for _, i := range all {
				p := i.Value
				failed := fmt.Sprint(p.Failed)
				for _, f := range p.Failures {
					failed += ", " + pollFailure(f.Error, f.Pages, f.Status, f.Detail)
				}
				tab.Row(p.Tick, render.Moment(&p.BeganAt), time.Duration(p.TookMS)*time.Millisecond,
					time.Duration(p.Longest)*time.Millisecond, p.Pages, p.Devices, p.Pass, p.Fail, p.Unknown, p.Changed, failed)
			}
		}, err
	})
}
