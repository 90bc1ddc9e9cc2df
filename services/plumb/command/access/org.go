package access

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/breaker"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Organization is the command plumb org.
type Organization struct {
	Show resource.Show[organization, client.Organization]           `cmd:"" help:"Show the account's access settings."`
	Set  resource.Update[organization, orgSet, client.Organization] `cmd:"" help:"Change access settings. Settings without a flag stay as they are."`
	Edit resource.Edit[organization, client.Organization]           `cmd:"" help:"Change the access settings in an editor."`

	RevokeUser orgRevokeUser `cmd:"" help:"End every session of a person, at every application."`
}

// organization stands for the argument of other kinds: an account has one organization, with an empty id.
type organization struct{}

func (organization) Typed() string { return "" }

func (organization) Kind() resource.Kind[client.Organization] { return organizations }

var organizations = resource.Kind[client.Organization]{
	Collection: (*client.Client).Organizations,
	Fields:     orgFields,
}

func orgFields(tab *render.Table, o client.Organization) {
	tab.Row("name", render.OrDash(o.Name))
	tab.Row("sessions", render.OrDash(o.SessionDuration))
	mode := "strict"
	if o.Strict != nil && !*o.Strict {
		mode = "lenient"
	}
	tab.Row("service tokens", mode)
	idle := "stay"
	if i := o.Inactivity; i != nil && i.Enabled {
		idle = fmt.Sprintf("%s after %d days", i.Action, i.Days)
	}
	tab.Row("idle service tokens", idle)
	tab.Row("breaker", o.Breaker.OfAccount())
}

type orgSet struct {
	Name            string `env:"-" help:"New name."`
	SessionDuration string `env:"-" help:"Longest login session, such as 24h." placeholder:"DURATION"`
	Mode            string `env:"-" enum:",strict,lenient" default:"" help:"How invalid service credentials are handled: strict (reject) or lenient (fall back to login)." placeholder:"MODE"`
	IdleDays        int    `env:"-" help:"Days without use after which a service token is idle, 30 to 365." placeholder:"DAYS"`
	IdleAction      string `env:"-" enum:",disable,delete,keep" default:"" help:"Action for idle service tokens: disable, delete or keep." placeholder:"ACTION"`
	breaker.Flags   `set:"breaker_default=Plumbline's defaults"`
}

// Body returns the members of the given flags.
func (c orgSet) Body() (any, error) {
	body := map[string]any{}
	for name, text := range map[string]string{"name": c.Name, "session_duration": c.SessionDuration} {
		if text != "" {
			body[name] = text
		}
	}
	if c.Mode != "" {
		body["strict_service_token_auth"] = c.Mode == "strict"
	}
	switch {
	case c.IdleAction == "keep" && c.IdleDays == 0:
		body["service_token_inactivity"] = client.Inactivity{}
	case c.IdleAction == "keep" || (c.IdleAction == "") != (c.IdleDays == 0):
		return nil, cli.Usage("give --idle-days and --idle-action (disable or delete) together")
	case c.IdleAction != "":
		body["service_token_inactivity"] = client.Inactivity{Enabled: true, Days: c.IdleDays, Action: c.IdleAction}
	}
	if _, err := c.Set(body); err != nil {
		return nil, err
	}
	if len(body) == 0 {
		return nil, resource.ErrNothing
	}
	return body, nil
}

type orgRevokeUser struct {
	remote.Flags
	Email   string `arg:"" help:"E-mail address of the person, in any letter case."`
	Devices bool   `env:"-" help:"Also revoke the devices enrolled for the address."`
}

func (c *orgRevokeUser) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	if err := cl.RevokeUser(ctx, c.Email, c.Devices); err != nil {
		return err
	}
	what := "sessions"
	if c.Devices {
		what = "sessions and devices"
	}
	_, err = fmt.Fprintf(t.Out, "revoked the %s of %s\n", what, render.Clean(c.Email))
	return err
}
