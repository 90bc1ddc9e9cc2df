package command

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
)

type pollsCmd struct {
	remote
	reading
	integrationName
	Limit int `default:"20" env:"-" help:"How many at most."`
}

// Help is shown by --help.
func (pollsCmd) Help() string {
	return "Polls of all integrations are numbered together: an integration's numbers grow, with gaps."
}

func (c *pollsCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	integration, err := cl.Integrations.Find(ctx, c.Integration)
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		all, err := cl.Polls(ctx, integration.Value.ID, c.Limit)
		return view{all, func(tab *table) {
			tab.row("POLL", "BEGAN", "TOOK", "LONGEST CALL", "PAGES", "DEVICES", "PASS", "FAIL", "UNKNOWN", "CHANGED", "FAILED PAGES")
			for _, i := range all {
				p := i.Value
				failed := fmt.Sprint(p.Failed)
				for _, f := range p.Failures {
					failed += fmt.Sprintf(", %s: %d", f.Error, f.Pages)
				}
				tab.row(p.Tick, moment(&p.BeganAt), time.Duration(p.TookMS)*time.Millisecond, time.Duration(p.Longest)*time.Millisecond,
					p.Pages, p.Devices, p.Pass, p.Fail, p.Unknown, p.Changed, failed)
			}
		}}, err
	})
}
