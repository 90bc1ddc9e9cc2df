package enforcement

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Switch is the command plumb enforcement.
type Switch struct {
	Show    state   `cmd:"" aliases:"get" help:"Show whether checks are enforced."`
	Observe observe `cmd:"" help:"Enforce no check until a time: every outcome is pass."`
	Enforce enforce `cmd:"" help:"Enforce checks again, now."`
}

type state struct {
	remote.Flags
	render.Reading
}

// Run shows the switch.
func (c *state) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading, (*client.Client).Observe, observeRows)
}

type observe struct {
	remote.Flags
	render.Output
	resource.Confirmation
	end
	Reason string `required:"" env:"-" help:"Why, for the audit log." placeholder:"TEXT"`
}

// Help returns the text that --help shows below the summary.
func (observe) Help() string {
	return "For a day when everything is wrong. The observed outcomes are recorded beside. The switch is for the whole " +
		"account, lasts at most 7 days and ends by itself. Until then, each command about outcomes shows a warning."
}

// Run turns enforcement off, after a question on a terminal.
func (c *observe) Run(ctx context.Context, t *cli.Terminal) error {
	until, err := c.at()
	if err != nil {
		return err
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Have every device pass every check until %s?", render.Moment(&until))
	if err := c.Confirm(ctx, t, question); err != nil {
		return err
	}
	o, err := cl.SetObserve(ctx, until, c.Reason)
	if err != nil {
		return err
	}
	return c.Output.Show(t, o, func(tab *render.Table) { observeRows(tab, o) })
}

type enforce struct {
	remote.Flags
	render.Output
}

// Run turns enforcement on.
func (c *enforce) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	o, err := cl.EndObserve(ctx)
	if err != nil {
		return err
	}
	return c.Show(t, o, func(tab *render.Table) { observeRows(tab, o) })
}

func observeRows(tab *render.Table, i client.Item[client.Observe]) {
	o := i.Value
	if !o.Active {
		tab.Row("enforcement", "on")
		return
	}
	tab.Row("enforcement", "off: every outcome is pass")
	tab.Row("until", render.Moment(o.Until))
	tab.Row("since", render.Moment(o.Since))
	tab.Row("by", o.By)
	tab.Row("reason", o.Reason)
}
