package access

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Keys is the command plumb keys.
type Keys struct {
	Show     keysShow     `cmd:"" help:"Show when the keys that sign application tokens rotate."`
	Rotate   keysRotate   `cmd:"" help:"Rotate the keys now. Tokens signed before stay valid."`
	Interval keysInterval `cmd:"" help:"Set how often the keys rotate on their own."`
}

type keysShow struct {
	remote.Flags
	render.Reading
}

func (c *keysShow) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading, (*client.Client).Keys, keyFields)
}

type keysRotate struct {
	remote.Flags
	render.Output
}

func (c *keysRotate) Run(ctx context.Context, t *cli.Terminal) error {
	return changeKeys(ctx, t, &c.Flags, &c.Output, (*client.Client).RotateKeys)
}

type keysInterval struct {
	remote.Flags
	render.Output
	Days int `arg:"" help:"Days between rotations, 21 to 365."`
}

func (c *keysInterval) Run(ctx context.Context, t *cli.Terminal) error {
	return changeKeys(ctx, t, &c.Flags, &c.Output,
		func(cl *client.Client, ctx context.Context) (client.Item[client.Keys], error) {
			return cl.KeyInterval(ctx, c.Days)
		})
}

func changeKeys(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output,
	change func(*client.Client, context.Context) (client.Item[client.Keys], error)) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	item, err := change(cl, ctx)
	if err != nil {
		return err
	}
	return o.Show(t, item, func(tab *render.Table) { keyFields(tab, item) })
}

func keyFields(tab *render.Table, item client.Item[client.Keys]) {
	k := item.Value
	tab.Row("rotated", k.RotatedAt.Format(time.RFC3339))
	tab.Row("next in", fmt.Sprintf("%.0f days", k.DaysLeft))
	tab.Row("every", fmt.Sprintf("%d days", k.IntervalDays))
}
