package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

type postureLog struct {
	logFlags
	Device      []string `env:"-" sep:"none" completes:"device" help:"Only this device: id, host name, serial number or e-mail address. Repeatable." placeholder:"DEVICE"`
	Check       []string `env:"-" sep:"none" help:"Only this check, by id or name. Repeatable." placeholder:"CHECK"`
	Integration []string `env:"-" sep:"none" help:"Only this integration, by id or name. Repeatable." placeholder:"INTEGRATION"`
	Outcome     []string `env:"-" enum:"pass,fail,unknown" help:"Only these outcomes: ${enum}." placeholder:"OUTCOME"`
}

func (c *postureLog) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.validate(); err != nil {
		return err
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q, err := c.query(ctx, cl)
	if err != nil {
		return err
	}
	out := render.NewLines(t, &c.Output,
		render.Col("WHEN", render.MomentWidth), render.Col("DEVICE", 36), render.Col("OUTCOME", 7), render.Col("REASON", 13),
		render.Col("SCORE", 5), render.Col("HOST", 24), render.Col("CHECK", 0))
	out.Limit = c.limit()
	return render.Repeat(ctx, t, c.Follow, func(ctx context.Context) error {
		for entry, err := range cl.PostureLog(ctx, &q) {
			if err == nil {
				v := &entry.Value
				if v.Unreadable {
					v.Reason, v.CheckName = "unreadable", fmt.Sprintf("entry %d of the log cannot be read", v.Sequence)
				}
				err = out.Line(entry.Raw, render.Moment(&v.At), v.Device, v.Outcome, v.Reason,
					render.Number(v.Received.Score), render.OrDash(cmp.Or(v.Host, v.Email)),
					render.Noted(v.CheckName, client.Evidence{Observed: v.Observed, Why: v.Why}.Note(v.Outcome)))
			}
			if err != nil {
				return out.End(t, err, "continue with --since, or narrow it with --device, --check, --outcome")
			}
		}
		return out.Flush()
	})
}

func (c *postureLog) query(ctx context.Context, cl *client.Client) (client.PostureQuery, error) {
	q := client.PostureQuery{
		Since: c.start(), Until: c.Until.Time, Devices: slices.Clone(c.Device), Outcomes: c.Outcome,
	}
	var err error
	for n, name := range q.Devices {
		if q.Devices[n], err = cl.FindDevice(ctx, name); err != nil {
			return q, err
		}
	}
	if q.Checks, err = resource.IDs(ctx, cl.Checks, c.Check); err != nil {
		return q, err
	}
	q.Integrations, err = resource.IDs(ctx, cl.Integrations, c.Integration)
	return q, err
}
