package command

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type policyCmd struct {
	List   policyList   `cmd:"" help:"List all that applications may share."`
	Create policyCreate `cmd:"" help:"Create one; an application refers to it by --policy."`
	Show   policyShow   `cmd:"" aliases:"get" help:"Show one, with its rules."`
	Edit   policyEdit   `cmd:"" help:"Change one; what is not given stays."`
	Delete policyDelete `cmd:"" help:"Delete one."`
}

type policyName struct {
	Policy string `arg:"" help:"Id or name."`
}

type policyList struct {
	remote
	reading
}

func (c *policyList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.Policies, func(tab *table, p client.Policy) {
		tab.row(p.ID, p.Name, p.Decision, len(p.Include)+len(p.Require)+len(p.Exclude), supportState(true, p.Unsupported))
	}, "ID", "NAME", "DECISION", "RULES", "STATE")
}

func policyFields(tab *table, p client.Policy) {
	tab.row("id", p.ID)
	tab.row("name", p.Name)
	tab.row("decision", p.Decision)
	if p.SessionDuration != "" {
		tab.row("session", p.SessionDuration)
	}
	ruleRows(tab, "include", p.Include)
	ruleRows(tab, "require", p.Require)
	ruleRows(tab, "exclude", p.Exclude)
	unsupportedRows(tab, p.Unsupported, "never lets anybody in")
}

type policyCreate struct {
	remote
	output
	Name     string `required:"" env:"-" help:"Name."`
	Decision string `required:"" env:"-" enum:"allow,deny,non_identity,bypass" help:"What is done with whom it is about: ${enum}. non_identity is for services, allow for people."`
	rules
	SessionDuration string `env:"-" help:"How long who is let in stays so, in place of the application's." placeholder:"DURATION"`
}

// Help is shown by --help.
func (policyCreate) Help() string { return ruleHelp() }

func (c *policyCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if len(c.Include) == 0 {
		return cli.Usage("say whom the policy is about: at least one --include")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	policy := client.Policy{Name: c.Name, Decision: c.Decision, SessionDuration: c.SessionDuration}
	if policy.Include, policy.Require, policy.Exclude, err = c.resolved(ctx, cl); err != nil {
		return err
	}
	item, err := cl.Policies.Create(ctx, policy)
	if err != nil {
		return err
	}
	return one(t, &c.output, item, policyFields)
}

type policyShow struct {
	remote
	reading
	policyName
}

func (c *policyShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.Policies, c.Policy, policyFields)
}

type policyEdit struct {
	remote
	output
	policyName
	Name     *string `env:"-" help:"New name."`
	Decision *string `env:"-" help:"New decision: allow, deny, non_identity or bypass."`
	rules
	SessionDuration *string `env:"-" help:"New duration of sessions." placeholder:"DURATION"`
}

// Help is shown by --help.
func (policyEdit) Help() string { return ruleHelp() + " Rules of one kind replace all of that kind." }

func (c *policyEdit) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.Policies.Current(ctx, c.Policy)
	if err != nil {
		return err
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	changed := set(body, "name", c.Name) + set(body, "decision", c.Decision) + set(body, "session_duration", c.SessionDuration)
	more, err := c.replaceIn(ctx, cl, body)
	if err != nil {
		return err
	}
	if changed+more == 0 {
		return inEditor(ctx, t, &c.output, cl.Policies, item, policyFields)
	}
	if item, err = cl.Policies.Replace(ctx, item.Value.ID, item.Revision, body); err != nil {
		return err
	}
	return one(t, &c.output, item, policyFields)
}

// replaceIn puts the rules that are given in the place of those of an object.
func (r *rules) replaceIn(ctx context.Context, cl *client.Client, body map[string]any) (changed int, err error) {
	include, require, exclude, err := r.resolved(ctx, cl)
	for name, all := range map[string][]client.Rule{"include": include, "require": require, "exclude": exclude} {
		if len(all) > 0 {
			body[name] = all
			changed++
		}
	}
	return changed, err
}

type policyDelete struct {
	remote
	confirmation
	policyName
}

func (c *policyDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.Policies, c.Policy)
}
