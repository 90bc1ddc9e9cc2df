package command

import (
	"context"
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

type appCmd struct {
	List   appList   `cmd:"" help:"List all."`
	Create appCreate `cmd:"" help:"Create one, with a Service Auth policy for the service tokens named."`
	Get    appGet    `cmd:"" help:"Show one, its AUD and its policies."`
	Delete appDelete `cmd:"" help:"Delete one; no more tokens are issued for it."`
}

type appName struct {
	Name string `arg:"" name:"app" help:"Id or name."`
}

type appList struct {
	remote
	output
}

func (c *appList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.output, cl.Applications, func(tab *table, a client.Application) {
		tab.row(a.ID, a.Name, a.Domain, len(a.Policies))
	}, "ID", "NAME", "DOMAIN", "POLICIES")
}

func appFields(tab *table, a client.Application) {
	tab.row("id", a.ID)
	tab.row("name", a.Name)
	tab.row("domain", a.Domain)
	tab.row("aud", a.AUD)
	for _, p := range a.Policies {
		tab.row("policy", fmt.Sprintf("%s: %s (%s)", p.Decision, p.Name, p.ID))
	}
}

type appCreate struct {
	remote
	output
	Name   string   `required:"" env:"-" help:"Name."`
	Domain string   `required:"" env:"-" help:"What it protects: host, host:port or host/path."`
	Allow  []string `env:"-" help:"Service token that may enter, by id or name; may be given again." placeholder:"TOKEN"`
	Any    bool     `env:"-" help:"Any service token of the account may enter."`
}

func (c *appCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Any == (len(c.Allow) > 0) {
		return cli.Usage("give the service tokens that may enter (--allow), or --any")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	policy := client.Policy{Name: c.Name + ": service tokens", Decision: string(proto.DecisionNonIdentity), Precedence: 1}
	if c.Any {
		policy.Include = append(policy.Include, client.AnyServiceToken())
	}
	for _, name := range c.Allow {
		token, err := cl.ServiceTokens.Find(ctx, name)
		if err != nil {
			return err
		}
		policy.Include = append(policy.Include, client.ServiceTokenRule(token.Value.ID))
	}
	item, err := cl.Applications.Create(ctx, client.Application{
		Name: c.Name, Type: "self_hosted", Domain: c.Domain, Policies: []client.Policy{policy},
	})
	if err != nil {
		return err
	}
	return one(t, &c.output, item, appFields)
}

type appGet struct {
	remote
	output
	appName
}

func (c *appGet) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.output, cl.Applications, c.Name, appFields)
}

type appDelete struct {
	remote
	appName
}

func (c *appDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, cl.Applications, c.Name)
}
