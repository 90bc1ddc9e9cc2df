package command

import (
	"context"

	"plumbline.dev/services/internal/cli"
)

type demoCmd struct {
	process
	SampleAddr string `default:"127.0.0.1:8402" help:"Where the sample scoring API listens."`
	Interval   string `default:"5s" help:"How often it is polled."`
}

func (c *demoCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Probe {
		return c.Admin.Ask(ctx)
	}
	return nil
}

func (c *stackDemo) Run(ctx context.Context, t *cli.Terminal) error { return nil }
