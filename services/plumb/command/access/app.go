package access

import (
	"context"
	"fmt"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Apps is the command plumb app.
type Apps struct {
	List   resource.List[appName, client.Application]              `cmd:"" help:"List applications."`
	Create resource.Create[appName, appCreate, client.Application] `cmd:"" help:"Create an application with policies, or with a policy for service tokens."`
	Show   resource.Show[appName, client.Application]              `cmd:"" aliases:"get" help:"Show an application, its AUD and its policies."`
	Edit   resource.Replace[appName, appEdit, client.Application]  `cmd:"" help:"Change an application. Settings without a flag stay as they are."`
	Revoke appRevoke                                               `cmd:"" name:"revoke-tokens" help:"Revoke every application token issued so far."`
	Delete resource.Delete[appName, client.Application]            `cmd:"" help:"Delete an application. No more tokens are issued for it."`
}

// selfHosted is the type of the applications that the gateway serves.
const selfHosted = "self_hosted"

type appName struct {
	Name string `arg:"" name:"app" completes:"application" help:"Id or name of the application."`
}

func (n appName) Typed() string { return n.Name }

func (appName) Kind() resource.Kind[client.Application] { return applications }

var applications = resource.Kind[client.Application]{
	Collection: func(cl *client.Client) client.Collection[client.Application] { return cl.Applications },
	Header:     []any{"ID", "NAME", "DOMAIN", "ORIGIN", "POLICIES", "STATE"},
	Row: func(a client.Application) []any {
		state := resource.SupportState(a.Type == selfHosted, a.Unsupported)
		return []any{a.ID, a.Name, render.OrDash(a.Domain), render.OrDash(a.OriginURL), len(a.Policies), state}
	},
	Fields: appFields,
}

func appFields(tab *render.Table, a client.Application) {
	tab.Row("id", a.ID)
	tab.Row("name", a.Name)
	if a.Type != selfHosted {
		tab.Row("type", a.Type)
	}
	tab.Row("domain", render.OrDash(a.Domain))
	for _, d := range a.Destinations {
		switch d.URI {
		case a.Domain:
		case "":
			tab.Row("also", d.Type+" destination")
		default:
			tab.Row("also", d.URI)
		}
	}
	tab.Row("aud", a.AUD)
	if a.OriginURL != "" {
		tab.Row("origin", a.OriginURL)
	}
	if a.SessionDuration != "" {
		tab.Row("session", a.SessionDuration)
	}
	resource.UnsupportedRows(tab, a.Unsupported, storedOnly)
	for _, p := range a.Policies {
		tab.Row("policy", fmt.Sprintf("%s: %s (%s)", p.Decision, p.Name, p.ID))
	}
}

type appCreate struct {
	Name    string   `required:"" env:"-" help:"Name of the application."`
	Domain  []string `required:"" env:"-" help:"Host, host:port or host/path to protect; * is a wildcard. Repeatable."`
	Allow   []string `env:"-" completes:"service_token" help:"Service token to admit, by id or name. Repeatable." placeholder:"TOKEN"`
	Any     bool     `env:"-" help:"Admit any service token of the account."`
	Require []string `env:"-" sep:"none" help:"Rule that must match too; see plumb policy create --help. Repeatable." placeholder:"RULE"`
	Policy  []string `env:"-" help:"Policy, by id or name, instead of --allow or --any. Repeatable, in order of evaluation."`
	gatewaySettings
}

// Usage requires one way to name the policies.
func (c appCreate) Usage() error {
	ways := 0
	for _, given := range []bool{c.Any, len(c.Allow) > 0, len(c.Policy) > 0} {
		if given {
			ways++
		}
	}
	if ways != 1 || len(c.Policy) > 0 && len(c.Require) > 0 {
		return cli.Usage("give one of --allow, --any and --policy; --require goes with --allow or --any")
	}
	return nil
}

// Body returns the application of the flags.
func (c appCreate) Body(ctx context.Context, _ *cli.Terminal, cl *client.Client) (any, error) {
	body := map[string]any{"name": c.Name, "type": selfHosted}
	setDomains(body, c.Domain)
	var err error
	if body["policies"], err = c.policies(ctx, cl); err != nil {
		return nil, err
	}
	_, err = c.write(ctx, cl, body)
	return body, err
}

// setDomains sets the destinations of an application.
func setDomains(body map[string]any, domains []string) {
	all := make([]client.Destination, 0, len(domains))
	for _, d := range domains {
		all = append(all, client.Destination{Type: "public", URI: d})
	}
	body["domain"], body["destinations"] = domains[0], all
	delete(body, "self_hosted_domains")
}

func (c *appCreate) policies(ctx context.Context, cl *client.Client) ([]client.Policy, error) {
	if len(c.Policy) > 0 {
		return policyLinks(ctx, cl, c.Policy)
	}
	policy := client.Policy{Name: c.Name + ": service tokens", Decision: string(proto.DecisionNonIdentity), Precedence: 1}
	if c.Any {
		policy.Include = append(policy.Include, client.AnyServiceToken())
	}
	for _, name := range c.Allow {
		id, err := resource.ID(ctx, cl.ServiceTokens, name)
		if err != nil {
			return nil, err
		}
		policy.Include = append(policy.Include, client.ServiceTokenRule(id))
	}
	var err error
	_, policy.Require, _, err = (&rules{Require: c.Require}).resolved(ctx, cl)
	return []client.Policy{policy}, err
}

// policyLinks returns the references to reusable policies that an application stores, in order of evaluation.
func policyLinks(ctx context.Context, cl *client.Client, names []string) ([]client.Policy, error) {
	ids, err := resource.IDs(ctx, cl.Policies, names)
	all := make([]client.Policy, 0, len(ids))
	for i, id := range ids {
		all = append(all, client.Policy{ID: id, Precedence: i + 1})
	}
	return all, err
}
