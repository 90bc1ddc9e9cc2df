package command

import (
	"context"
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type appCmd struct {
	List   appList   `cmd:"" help:"List all."`
	Create appCreate `cmd:"" help:"Create one, with policies or with a Service Auth policy for the service tokens named."`
	Show   appShow   `cmd:"" aliases:"get" help:"Show one, its AUD and its policies."`
	Edit   appEdit   `cmd:"" help:"Change one; what is not given stays."`
	Revoke appRevoke `cmd:"" name:"revoke-tokens" help:"Void every application token that was issued for one so far."`
	Delete appDelete `cmd:"" help:"Delete one; no more tokens are issued for it."`
}

// selfHosted is the type of the applications that are served.
const selfHosted = "self_hosted"

type appName struct {
	Name string `arg:"" name:"app" help:"Id or name."`
}

type appList struct {
	remote
	reading
}

func (c *appList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.Applications, func(tab *table, a client.Application) {
		tab.row(a.ID, a.Name, orDash(a.Domain), orDash(a.OriginURL), len(a.Policies), supportState(a.Type == selfHosted, a.Unsupported))
	}, "ID", "NAME", "DOMAIN", "ORIGIN", "POLICIES", "STATE")
}

func appFields(tab *table, a client.Application) {
	tab.row("id", a.ID)
	tab.row("name", a.Name)
	if a.Type != selfHosted {
		tab.row("type", a.Type)
	}
	tab.row("domain", orDash(a.Domain))
	for _, d := range a.Destinations {
		switch d.URI {
		case a.Domain:
		case "":
			tab.row("also", "what is "+d.Type)
		default:
			tab.row("also", d.URI)
		}
	}
	tab.row("aud", a.AUD)
	if a.OriginURL != "" {
		tab.row("origin", a.OriginURL)
	}
	if a.SessionDuration != "" {
		tab.row("session", a.SessionDuration)
	}
	unsupportedRows(tab, a.Unsupported, "kept, not served")
	for _, p := range a.Policies {
		tab.row("policy", fmt.Sprintf("%s: %s (%s)", p.Decision, p.Name, p.ID))
	}
}

type appCreate struct {
	remote
	output
	Name    string   `required:"" env:"-" help:"Name."`
	Domain  []string `required:"" env:"-" help:"What it protects: host, host:port or host/path, * for any part; may be given again."`
	Allow   []string `env:"-" help:"Service token that may enter, by id or name; may be given again." placeholder:"TOKEN"`
	Any     bool     `env:"-" help:"Any service token of the account may enter."`
	Require []string `env:"-" sep:"none" help:"Rule that must be met besides, as plumb policy create --help lists them." placeholder:"RULE"`
	Policy  []string `env:"-" help:"In place of --allow or --any: policy that decides, by id or name, in this order; may be given again."`
	gateSettings
}

func (c *appCreate) Run(ctx context.Context, t *cli.Terminal) error {
	ways := 0
	for _, given := range []bool{c.Any, len(c.Allow) > 0, len(c.Policy) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 || len(c.Policy) > 0 && len(c.Require) > 0 {
		return cli.Usage("give the service tokens that may enter (--allow), or --any, or policies (--policy)")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name, "type": selfHosted}
	place(body, c.Domain)
	if body["policies"], err = c.policies(ctx, cl); err != nil {
		return err
	}
	if _, err := c.write(ctx, cl, body); err != nil {
		return err
	}
	item, err := cl.Applications.Create(ctx, body)
	if err != nil {
		return err
	}
	return one(t, &c.output, item, appFields)
}

// place says what an application protects.
func place(body map[string]any, domains []string) {
	all := make([]client.Destination, 0, len(domains))
	for _, d := range domains {
		all = append(all, client.Destination{Type: "public", URI: d})
	}
	body["domain"], body["destinations"] = domains[0], all
	delete(body, "self_hosted_domains")
}

func (c *appCreate) policies(ctx context.Context, cl *client.Client) ([]client.Policy, error) {
	if len(c.Policy) > 0 {
		return links(ctx, cl, c.Policy)
	}
	policy := client.Policy{Name: c.Name + ": service tokens", Decision: string(proto.DecisionNonIdentity), Precedence: 1}
	if c.Any {
		policy.Include = append(policy.Include, client.AnyServiceToken())
	}
	for _, name := range c.Allow {
		token, err := cl.ServiceTokens.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		policy.Include = append(policy.Include, client.ServiceTokenRule(token.Value.ID))
	}
	var err error
	_, policy.Require, _, err = (&rules{Require: c.Require}).resolved(ctx, cl)
	return []client.Policy{policy}, err
}

// links are the places of reusable policies in an application, in their order.
func links(ctx context.Context, cl *client.Client, names []string) ([]client.Policy, error) {
	all := make([]client.Policy, 0, len(names))
	for i, name := range names {
		policy, err := cl.Policies.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, client.Policy{ID: policy.Value.ID, Precedence: i + 1})
	}
	return all, nil
}

type appShow struct {
	remote
	reading
	appName
}

func (c *appShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.Applications, c.Name, appFields)
}

type appDelete struct {
	remote
	confirmation
	appName
}

func (c *appDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.Applications, c.Name)
}
