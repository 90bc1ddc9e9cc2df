package device

import (
	"context"
	"net/url"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

type deviceList struct {
	remote.Flags
	render.Reading
	Filter  string `env:"-" help:"Only devices that a filter selects, such as 'check:\"Disk encrypted\"=fail -user:bob* serial:PF* held:yes age>10m'." placeholder:"FILTER"`
	Search  string `env:"-" help:"Only devices with this text in their name, serial number or another property." placeholder:"TEXT"`
	Email   string `env:"-" help:"Only devices enrolled for this person." placeholder:"ADDRESS"`
	Revoked bool   `env:"-" help:"Include revoked devices."`
	Limit   int    `default:"100" env:"-" help:"Number of devices at most."`
}

func (c *deviceList) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Limit < 1 {
		return cli.Usage("--limit must be at least 1")
	}
	filtered := c.Filter != ""
	if filtered && (c.Search != "" || c.Email != "" || c.Revoked) {
		return cli.Usage("--filter goes without --search, --email and --revoked: write the text, user: or revoked:yes in it")
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		if filtered {
			all, more, err := fleet(ctx, cl, c.Filter, c.Limit)
			return all, func(tab *render.Table) { fleetRows(tab, all, more) }, err
		}
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
		return all, func(tab *render.Table) { deviceRows(tab, all, more) }, err
	})
}

func deviceRows(tab *render.Table, all []client.Item[client.PhysicalDevice], more bool) {
	tab.Row("ID", "NAME", "SERIAL NUMBER", "MAC", "ADDRESS", "PERSON", "STATE")
	for _, i := range all {
		d, person, state := i.Value, "-", "ok"
		if d.User != nil {
			person = d.User.Email
		}
		if len(d.Exemptions) > 0 {
			state = "exempt"
		}
		if d.RevokedAt != nil {
			state = "revoked"
		}
		tab.Row(d.ID, render.OrDash(d.Name), textOrDash(d.Serial), textOrDash(d.MAC), textOrDash(d.IPv4), person, state)
	}
	if more {
		tab.Row("there are more: use --limit or --search")
	}
}

func textOrDash(s *string) string {
	if s == nil {
		return "-"
	}
	return render.OrDash(*s)
}
