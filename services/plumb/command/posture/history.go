package posture

import (
	"cmp"
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// History is the command plumb history.
type History struct {
	remote.Flags
	render.Output
	render.Period
	render.Limited
	deviceAndCheck
}

// Run shows the results of a device over time.
func (c *History) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	device, check, err := c.ids(ctx, cl)
	if err != nil {
		return err
	}
	q := client.HistoryQuery{Device: device, Check: check, Since: c.Since.Time, Until: c.Until.Time}
	out := render.NewLines(t, &c.Output,
		render.Col("WHEN", render.MomentWidth), render.Col("POLL", 8), render.Col("BECAUSE", 7), render.Col("OUTCOME", 7),
		render.Col("REASON", 13), render.Col("SCORE", 5), render.Col("OBSERVED", render.MomentWidth),
		render.Col("PROBLEM", 13), render.Col("CHECK", 0))
	out.Limit = c.Limit
	for entry, err := range cl.History(ctx, q) {
		if err == nil {
			v := &entry.Value
			err = out.Line(entry.Raw, render.Moment(&v.At), fmt.Sprint(v.Tick), v.Cause, v.Outcome, v.Reason,
				render.Number(v.Score), render.Moment(v.ObservedAt), render.OrDash(cmp.Or(v.Problem, v.Error)),
				render.Noted(cmp.Or(v.Name, v.Check), v.Note(v.Outcome)))
		}
		if err != nil {
			return out.End(t, err, "narrow it with a check, --since and --until")
		}
	}
	return out.Flush()
}
