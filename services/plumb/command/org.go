package command

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type orgCmd struct {
	Show orgShow `cmd:"" help:"Show the account's settings of access."`
	Set  orgSet  `cmd:"" help:"Change some of them; what is not given stays."`
	Edit orgEdit `cmd:"" help:"Change them in an editor."`
}

type orgShow struct {
	remote
	reading
}

func (c *orgShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		item, err := cl.Organization(ctx)
		return view{item, func(tab *table) { orgFields(tab, item.Value) }}, err
	})
}

func orgFields(tab *table, o client.Organization) {
	tab.row("name", orDash(o.Name))
	tab.row("sessions", orDash(o.SessionDuration))
	mode := "strict"
	if o.Strict != nil && !*o.Strict {
		mode = "lenient"
	}
	tab.row("service tokens", mode)
	idle := "stay"
	if i := o.Inactivity; i != nil && i.Enabled {
		idle = fmt.Sprintf("%s after %d days", i.Action, i.Days)
	}
	tab.row("idle service tokens", idle)
}

type orgSet struct {
	remote
	output
	Name            string `env:"-" help:"New name."`
	SessionDuration string `env:"-" help:"How long a person stays logged in at most, such as 24h." placeholder:"DURATION"`
	Mode            string `env:"-" enum:",strict,lenient" default:"" help:"What a request with service credentials may meet: strict, decided by them alone, or lenient, sent on to log in." placeholder:"MODE"`
	IdleDays        int    `env:"-" help:"Service tokens that nobody used for so many days, 30 to 365, are turned off or deleted." placeholder:"DAYS"`
	IdleAction      string `env:"-" enum:",disable,delete,keep" default:"" help:"What becomes of them: disable, delete or keep." placeholder:"ACTION"`
}

func (c *orgSet) Run(ctx context.Context, t *cli.Terminal) error {
	body := client.Organization{Name: c.Name, SessionDuration: c.SessionDuration}
	if c.Mode != "" {
		body.Strict = new(c.Mode == "strict")
	}
	switch {
	case c.IdleAction == "keep" && c.IdleDays == 0:
		body.Inactivity = &client.Inactivity{}
	case c.IdleAction == "keep" || (c.IdleAction == "") != (c.IdleDays == 0):
		return cli.Usage("--idle-days and --idle-action (disable or delete) belong together")
	case c.IdleAction != "":
		body.Inactivity = &client.Inactivity{Enabled: true, Days: c.IdleDays, Action: c.IdleAction}
	}
	if body == (client.Organization{}) {
		return errNothing
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.ChangeOrganization(ctx, body)
	if err != nil {
		return err
	}
	return one(t, &c.output, item, orgFields)
}

type orgEdit struct {
	remote
	output
}

func (c *orgEdit) Run(ctx context.Context, t *cli.Terminal) error {
	return edit(ctx, t, &c.remote, &c.output, (*client.Client).Organizations, "", orgFields)
}
