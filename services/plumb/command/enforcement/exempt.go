package enforcement

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Exempt is the command plumb exempt.
type Exempt struct {
	Add  add    `cmd:"" help:"Have a device pass a check, or every check, until a time."`
	List list   `cmd:"" help:"List active exemptions."`
	Show show   `cmd:"" aliases:"get" help:"Show an exemption."`
	End  finish `cmd:"" help:"End an exemption now."`
}

type add struct {
	remote.Flags
	render.Output
	Device string `arg:"" completes:"device" help:"Device: id, host name, serial number or e-mail address."`
	Check  string `env:"-" help:"Check, by id or name. Default: every check." placeholder:"CHECK"`
	end
	Reason string `required:"" env:"-" help:"Why, for the audit log." placeholder:"TEXT"`
}

// Help returns the text that --help shows below the summary.
func (add) Help() string {
	return "An exemption lasts at most a year. It ends by itself before, as soon as the device passes, and does not " +
		"come back. To prolong it, end it and add another one."
}

// Run creates an exemption.
func (c *add) Run(ctx context.Context, t *cli.Terminal) error {
	until, err := c.at()
	if err != nil {
		return err
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	body := map[string]any{"until": until.UTC().Format(time.RFC3339), "reason": c.Reason}
	if body["device_id"], err = cl.FindDevice(ctx, c.Device); err != nil {
		return err
	}
	if c.Check != "" {
		if body["rule_id"], err = resource.ID(ctx, cl.Checks, c.Check); err != nil {
			return err
		}
	}
	made, err := cl.Exemptions(nil).Create(ctx, body)
	if err != nil {
		return err
	}
	return c.Output.Show(t, made, func(tab *render.Table) { rows(tab, made.Value) })
}

type list struct {
	remote.Flags
	render.Reading
	Device string `env:"-" completes:"device" help:"Only those of this device: id, host name, serial number or e-mail address." placeholder:"DEVICE"`
	Check  string `env:"-" help:"Only those that cover this check, by id or name." placeholder:"CHECK"`
}

// Run lists exemptions.
func (c *list) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q := url.Values{}
	if c.Device != "" {
		id, err := cl.FindDevice(ctx, c.Device)
		if err != nil {
			return err
		}
		q.Set("device_id", id)
	}
	if c.Check != "" {
		id, err := resource.ID(ctx, cl.Checks, c.Check)
		if err != nil {
			return err
		}
		q.Set("rule_id", id)
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		all, err := cl.Exemptions(q).List(ctx)
		return all, func(tab *render.Table) {
			tab.Row("ID", "DEVICE", "CHECK", "UNTIL", "AUTHOR", "REASON")
			for _, i := range all {
				x := i.Value
				tab.Row(x.ID, x.DeviceName, x.From(), render.Moment(x.Until), x.Author, x.Reason)
			}
		}, err
	})
}

type name struct {
	Exemption string `arg:"" help:"Id of the exemption, or the name of its device if that has no other."`
}

type show struct {
	remote.Flags
	render.Reading
	name
}

// Run shows an exemption.
func (c *show) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading,
		func(cl *client.Client, ctx context.Context) (client.Item[client.Exemption], error) {
			return cl.Exemptions(nil).Find(ctx, c.Exemption)
		}, func(tab *render.Table, i client.Item[client.Exemption]) { rows(tab, i.Value) })
}

type finish struct {
	remote.Flags
	resource.Confirmation
	name
}

// Run ends an exemption, after a question on a terminal.
func (c *finish) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	found, err := cl.Exemptions(nil).Find(ctx, c.Exemption)
	if err != nil {
		return err
	}
	x := found.Value
	question := fmt.Sprintf("End the exemption of %s from %s?", render.Clean(x.DeviceName), render.Clean(x.From()))
	if err := c.Confirm(ctx, t, question); err != nil {
		return err
	}
	if err := cl.Exemptions(nil).Delete(ctx, x.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "ended %s %s\n", x.ID, render.Clean(x.DeviceName))
	return err
}

func rows(tab *render.Table, x client.Exemption) {
	tab.Row("id", x.ID)
	tab.Row("device", x.DeviceName+" ("+x.Device+")")
	tab.Row("check", x.From())
	tab.Row("until", render.Moment(x.Until))
	tab.Row("reason", x.Reason)
	tab.Row("author", x.Author)
	tab.Row("created", render.Moment(x.CreatedAt))
}
