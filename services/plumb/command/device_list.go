package command

import (
	"context"
	"fmt"
	"net/url"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type deviceList struct {
	remote
	reading
	Search  string `env:"-" help:"Only those whose name, serial number or the like has this in it." placeholder:"TEXT"`
	Email   string `env:"-" help:"Only those enrolled for this person." placeholder:"ADDRESS"`
	Revoked bool   `env:"-" help:"Those too that were revoked."`
	Limit   int    `default:"100" env:"-" help:"How many at most."`
}

func (c *deviceList) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Limit < 1 {
		return cli.Usage("--limit is at least 1")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		q := url.Values{}
		for name, value := range map[string]string{"search": c.Search, "last_seen_user.email": c.Email} {
			if value != "" {
				q.Set(name, value)
			}
		}
		if c.Revoked {
			q.Set("active_registrations", "include")
		}
		all, more, err := cl.Devices(ctx, q, c.Limit)
		return view{all, func(tab *table) { deviceRows(tab, all, more) }}, err
	})
}

func deviceRows(tab *table, all []client.Item[client.PhysicalDevice], more bool) {
	tab.row("ID", "NAME", "SERIAL NUMBER", "MAC", "ADDRESS", "PERSON", "STATE")
	for _, i := range all {
		d, person, state := i.Value, "-", "ok"
		if d.User != nil {
			person = d.User.Email
		}
		if d.RevokedAt != nil {
			state = "revoked"
		}
		tab.row(d.ID, orDash(d.Name), text(d.Serial), text(d.MAC), text(d.IPv4), person, state)
	}
	if more {
		tab.row("there are more: --limit, or --search")
	}
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return orDash(*s)
}

type deviceRevoke struct {
	remote
	Devices []string `arg:"" name:"device" help:"Devices: ids, host names, serial numbers or e-mail addresses."`
}

func (c *deviceRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	return c.remote.eachDevice(ctx, t, nil, c.Devices, (*client.Client).RevokeDevice, "Revoke", "revoked")
}

type deviceBack struct {
	remote
	Devices []string `arg:"" name:"device" help:"Devices: ids, host names, serial numbers or e-mail addresses."`
}

func (c *deviceBack) Run(ctx context.Context, t *cli.Terminal) error {
	return c.remote.eachDevice(ctx, t, nil, c.Devices, (*client.Client).UnrevokeDevice, "Unrevoke", "unrevoked")
}

// eachDevice finds every device first, asks if there is a confirmation to ask for, and then does something with one
// after the other.
func (r *remote) eachDevice(ctx context.Context, t *cli.Terminal, c *confirmation, names []string,
	do func(*client.Client, context.Context, string) error, verb, done string) error {
	cl, err := r.client()
	if err != nil {
		return err
	}
	ids := make([]string, len(names))
	for n, name := range names {
		if ids[n], err = cl.FindDevice(ctx, name); err != nil {
			return err
		}
	}
	if c != nil {
		question := fmt.Sprintf("%s %d devices?", verb, len(ids))
		if len(ids) == 1 {
			question = fmt.Sprintf("%s device %s?", verb, ids[0])
		}
		if err := c.confirm(ctx, t, question); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := do(cl, ctx, id); err != nil {
			return fmt.Errorf("device %s: %w", clean(id), err)
		}
		fmt.Fprintln(t.Out, done, id)
	}
	return nil
}
