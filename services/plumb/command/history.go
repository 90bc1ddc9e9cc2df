package command

import (
	"cmp"
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type historyCmd struct {
	remote
	output
	period
	limited
	Device string `arg:"" help:"Device: id, host name, serial number or e-mail address."`
	Check  string `arg:"" optional:"" help:"Check, by id or name; without it, every one."`
}

func (c *historyCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	device, err := cl.FindDevice(ctx, c.Device)
	if err != nil {
		return err
	}
	q := client.HistoryQuery{Device: device, Since: c.Since.Time, Until: c.Until.Time}
	if c.Check != "" {
		check, err := cl.Checks.Find(ctx, c.Check)
		if err != nil {
			return err
		}
		q.Check = check.Value.ID
	}
	out := newLines(t, &c.output, column{"WHEN", momentWidth}, column{"POLL", 8}, column{"BECAUSE", 7}, column{"OUTCOME", 7}, column{"REASON", 13},
		column{"SCORE", 5}, column{"OBSERVED", momentWidth}, column{"PROBLEM", 13}, column{"CHECK", 0})
	out.limit = c.Limit
	for one, err := range cl.History(ctx, q) {
		if err == nil {
			v := &one.Value
			err = out.line(one.Raw, moment(&v.At), fmt.Sprint(v.Tick), v.Cause, v.Outcome, v.Reason, number(v.Score), moment(v.ObservedAt),
				orDash(cmp.Or(v.Problem, v.Error)), cmp.Or(v.Name, v.Check))
		}
		if err != nil {
			return out.end(t, err, "narrow it with a check, --since and --until")
		}
	}
	return out.flush()
}
