package access

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Policies is the command plumb policy.
type Policies struct {
	List   resource.List[policyName, client.Policy]                 `cmd:"" help:"List reusable policies."`
	Create resource.Create[policyName, policyCreate, client.Policy] `cmd:"" help:"Create a policy. Applications refer to it with --policy."`
	Show   resource.Show[policyName, client.Policy]                 `cmd:"" aliases:"get" help:"Show a policy and its rules."`
	Edit   resource.Replace[policyName, policyEdit, client.Policy]  `cmd:"" help:"Change a policy. Settings without a flag stay as they are."`
	Delete resource.Delete[policyName, client.Policy]               `cmd:"" help:"Delete a policy."`
	Test   policyTest                                               `cmd:"" help:"Show the users that policies would admit and block."`
}

type policyName struct {
	Policy string `arg:"" help:"Id or name of the policy."`
}

func (n policyName) Typed() string { return n.Policy }

func (policyName) Kind() resource.Kind[client.Policy] { return policies }

var policies = resource.Kind[client.Policy]{
	Collection: func(cl *client.Client) client.Collection[client.Policy] { return cl.Policies },
	Header:     []any{"ID", "NAME", "DECISION", "RULES", "STATE"},
	Row: func(p client.Policy) []any {
		rules := len(p.Include) + len(p.Require) + len(p.Exclude)
		return []any{p.ID, p.Name, p.Decision, rules, resource.SupportState(true, p.Unsupported)}
	},
	Fields: policyFields,
}

func policyFields(tab *render.Table, p client.Policy) {
	tab.Row("id", p.ID)
	tab.Row("name", p.Name)
	tab.Row("decision", p.Decision)
	if p.SessionDuration != "" {
		tab.Row("session", p.SessionDuration)
	}
	ruleRows(tab, "include", p.Include)
	ruleRows(tab, "require", p.Require)
	ruleRows(tab, "exclude", p.Exclude)
	resource.UnsupportedRows(tab, p.Unsupported, neverMatches)
}

type policyCreate struct {
	Name     string `required:"" env:"-" help:"Name of the policy."`
	Decision string `required:"" env:"-" enum:"allow,deny,non_identity,bypass" help:"Action for matching requests: ${enum}."`
	rules
	SessionDuration string `env:"-" help:"Session duration, such as 24h. Default: the application's." placeholder:"DURATION"`
}

// Help returns the text that --help shows below the summary.
func (policyCreate) Help() string {
	return "Decisions: allow admits people who log in, non_identity admits service tokens, bypass skips the check. " +
		ruleHelp()
}

// Usage requires an include rule.
func (c policyCreate) Usage() error {
	if len(c.Include) == 0 {
		return cli.Usage("a policy needs at least one --include rule")
	}
	return nil
}

// Body returns the policy of the flags.
func (c policyCreate) Body(ctx context.Context, _ *cli.Terminal, cl *client.Client) (any, error) {
	policy := client.Policy{Name: c.Name, Decision: c.Decision, SessionDuration: c.SessionDuration}
	var err error
	policy.Include, policy.Require, policy.Exclude, err = c.resolved(ctx, cl)
	return policy, err
}

type policyEdit struct {
	Name     *string `env:"-" help:"New name."`
	Decision *string `env:"-" help:"New decision: allow, deny, non_identity or bypass."`
	rules
	SessionDuration *string `env:"-" help:"New session duration." placeholder:"DURATION"`
}

// Help returns the text that --help shows below the summary.
func (policyEdit) Help() string { return ruleHelp() + replaceHelp }

// Edit sets the members of a policy for the given flags.
func (c policyEdit) Edit(ctx context.Context, _ *cli.Terminal, cl *client.Client, _ client.Policy,
	body map[string]any) (int, error) {
	changed := resource.Set(body, "name", c.Name) + resource.Set(body, "decision", c.Decision) +
		resource.Set(body, "session_duration", c.SessionDuration)
	more, err := c.replaceIn(ctx, cl, body)
	return changed + more, err
}
