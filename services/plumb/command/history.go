package command

import (
	"cmp"
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

type historyCmd struct {
	remote
	output
	period
	Device string `arg:"" help:"Id of the device."`
	Check  string `arg:"" optional:"" help:"Check, by id or name; without it, every one."`
}

func (c *historyCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	q := client.HistoryQuery{Device: c.Device, Since: c.Since.Time, Until: c.Until.Time}
	if c.Check != "" {
		check, err := cl.Checks.Find(ctx, c.Check)
		if err != nil {
			return err
		}
		q.Check = check.Value.ID
	}
	out := lines{output: &c.output, t: t, columns: []column{{"WHEN", 19}, {"POLL", 8}, {"BECAUSE", 7}, {"OUTCOME", 7}, {"REASON", 13}, {"SCORE", 5}, {"OBSERVED", 19}, {"PROBLEM", 13}, {"CHECK", 0}}}
	for one, err := range cl.History(ctx, q) {
		if err == nil {
			v := &one.Value
			err = out.line(one, moment(&v.At), fmt.Sprint(v.Tick), v.Cause, v.Outcome, v.Reason, number(v.Score), moment(v.ObservedAt),
				orDash(cmp.Or(v.Problem, v.Error)), cmp.Or(v.Name, v.Check))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
