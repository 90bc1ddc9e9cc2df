package command

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type keysCmd struct {
	Show     keysShow     `cmd:"" help:"Show when the keys that sign application tokens rotate."`
	Rotate   keysRotate   `cmd:"" help:"Rotate them now; tokens that were signed before stay valid."`
	Interval keysInterval `cmd:"" help:"Set how often they rotate by themselves."`
}

type keysShow struct {
	remote
	reading
}

func (c *keysShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		item, err := cl.Keys(ctx)
		return view{item, func(tab *table) { keyFields(tab, item.Value) }}, err
	})
}

type keysRotate struct {
	remote
	output
}

func (c *keysRotate) Run(ctx context.Context, t *cli.Terminal) error {
	return keys(ctx, t, &c.remote, &c.output, (*client.Client).RotateKeys)
}

type keysInterval struct {
	remote
	output
	Days int `arg:"" help:"21 to 365."`
}

func (c *keysInterval) Run(ctx context.Context, t *cli.Terminal) error {
	return keys(ctx, t, &c.remote, &c.output, func(cl *client.Client, ctx context.Context) (client.Item[client.Keys], error) {
		return cl.KeyInterval(ctx, c.Days)
	})
}

func keys(ctx context.Context, t *cli.Terminal, r *remote, o *output, ask func(*client.Client, context.Context) (client.Item[client.Keys], error)) error {
	cl, err := r.client()
	if err != nil {
		return err
	}
	item, err := ask(cl, ctx)
	if err != nil {
		return err
	}
	return one(t, o, item, keyFields)
}

func keyFields(tab *table, k client.Keys) {
	tab.row("rotated", k.RotatedAt.Format(time.RFC3339))
	tab.row("next in", fmt.Sprintf("%.0f days", k.DaysLeft))
	tab.row("every", fmt.Sprintf("%d days", k.IntervalDays))
}
