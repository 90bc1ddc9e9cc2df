// Package hold has the commands about holds: outcomes that a breaker keeps from being changed.
package hold

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Holds is the command plumb hold.
type Holds struct {
	List    list    `cmd:"" help:"List holds: outcomes that a breaker keeps because a poll would change too many."`
	Show    show    `cmd:"" aliases:"get" help:"Show a hold with its pages and some of its devices."`
	Release release `cmd:"" help:"Release a hold: the outcomes of the newest poll are applied."`
	Reject  reject  `cmd:"" help:"Reject the outcomes of the polls: the held ones stay until a poll is within the limits, or the safe side applies."`
}

type list struct {
	remote.Flags
	render.Reading
	State []string `env:"-" enum:"open,standing,rejected,expired,released,ended" help:"States to list: ${enum}. open: standing, rejected and expired. Default: all." placeholder:"STATE"`
	Check string   `env:"-" help:"Only the hold of this check, by id or name." placeholder:"CHECK"`
}

// Run lists the holds.
func (c *list) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q := url.Values{"state": c.State}
	if c.Check != "" {
		id, err := resource.ID(ctx, cl.Checks, c.Check)
		if err != nil {
			return err
		}
		q.Set("rule_id", id)
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		all, err := cl.Holds(q).List(ctx)
		return all, func(tab *render.Table) {
			tab.Row("ID", "CHECK", "INTEGRATION", "STATE", "SINCE", "SAFE SIDE", "PAGES", "DEVICES", "WOULD LOSE",
				"WOULD GAIN", "BY")
			for _, i := range all {
				h := i.Value
				tab.Row(h.ID, render.OrDash(h.Name), render.OrDash(h.Integration), h.State, render.Moment(h.Since),
					render.Moment(h.SafeSideAt), h.Pages, h.Devices, lost(h), gained(h), render.OrDash(h.By))
			}
		}, err
	})
}

// lost returns how many devices would lose their pass, and of how many.
func lost(h client.Hold) string { return fmt.Sprintf("%d/%d", h.FleetLost, h.FleetPass) }

// gained returns how many devices would pass anew, and how many do not pass.
func gained(h client.Hold) string {
	return fmt.Sprintf("%d/%d", h.FleetGained, h.FleetKnown-h.FleetPass)
}

type holdName struct {
	Hold string `arg:"" help:"Hold, by its id or the name of its check."`
}

type show struct {
	remote.Flags
	render.Reading
	holdName
}

// Run shows a hold.
func (c *show) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading,
		func(cl *client.Client, ctx context.Context) (client.Item[client.Hold], error) {
			return cl.CurrentHold(ctx, c.Hold)
		}, func(tab *render.Table, i client.Item[client.Hold]) { rows(tab, i.Value) })
}

func rows(tab *render.Table, h client.Hold) {
	tab.Row("id", h.ID)
	tab.Row("check", render.OrDash(h.Name))
	tab.Row("integration", render.OrDash(h.Integration))
	tab.Row("state", h.State)
	tab.Row("directions", render.OrDash(strings.Join(h.Directions, ", ")))
	tab.Row("since", render.Moment(h.Since))
	tab.Row("safe side", render.Moment(h.SafeSideAt))
	tab.Row("pages", h.Pages)
	tab.Row("devices", h.Devices)
	tab.Row("would lose", fmt.Sprintf("%d of %d devices that pass", h.FleetLost, h.FleetPass))
	tab.Row("would gain", fmt.Sprintf("%d of %d devices that fail", h.FleetGained, h.FleetKnown-h.FleetPass))
	if h.DecidedAt != nil {
		tab.Row("decided", render.Moment(h.DecidedAt))
		tab.Row("by", render.OrDash(h.By))
		tab.Row("reason", h.Reason)
	}
	for _, p := range h.PagesHeld {
		text := fmt.Sprintf("%d held, would lose %d of %d, gain %d of %d", p.Devices, p.Lost, p.Pass, p.Gained,
			p.Known-p.Pass)
		if p.SafeSide {
			text += ", safe side"
		}
		tab.Row(fmt.Sprintf("page %d", p.Page), text)
	}
	for _, d := range h.DevicesHeld {
		name := d.Hostname
		if name == "" {
			name = d.Serial
		}
		tab.Row("device", d.ID, render.OrDash(name), "score "+render.Number(d.Score), "held "+d.Outcome,
			"observed "+d.Observed)
	}
}
