package access

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Groups is the command plumb group.
type Groups struct {
	List   resource.List[groupName, client.Group]                `cmd:"" help:"List groups."`
	Create resource.Create[groupName, groupCreate, client.Group] `cmd:"" help:"Create a group. Policies refer to it with group=NAME."`
	Show   resource.Show[groupName, client.Group]                `cmd:"" aliases:"get" help:"Show a group and its rules."`
	Edit   resource.Replace[groupName, groupEdit, client.Group]  `cmd:"" help:"Change a group. Settings without a flag stay as they are."`
	Delete resource.Delete[groupName, client.Group]              `cmd:"" help:"Delete a group."`
}

type groupName struct {
	Group string `arg:"" help:"Id or name of the group."`
}

func (n groupName) Typed() string { return n.Group }

func (groupName) Kind() resource.Kind[client.Group] { return groups }

var groups = resource.Kind[client.Group]{
	Collection: func(cl *client.Client) client.Collection[client.Group] { return cl.Groups },
	Header:     []any{"ID", "NAME", "RULES", "STATE"},
	Row: func(g client.Group) []any {
		rules := len(g.Include) + len(g.Require) + len(g.Exclude)
		return []any{g.ID, g.Name, rules, resource.SupportState(true, g.Unsupported)}
	},
	Fields: func(tab *render.Table, g client.Group) {
		tab.Row("id", g.ID)
		tab.Row("name", g.Name)
		ruleRows(tab, "include", g.Include)
		ruleRows(tab, "require", g.Require)
		ruleRows(tab, "exclude", g.Exclude)
		resource.UnsupportedRows(tab, g.Unsupported, neverMatches)
	},
}

// neverMatches explains the unsupported rules of a group or a policy.
const neverMatches = "never matches anyone"

type groupCreate struct {
	Name string `required:"" env:"-" help:"Name of the group."`
	rules
}

// Help returns the text that --help shows below the summary.
func (groupCreate) Help() string { return ruleHelp() }

// Usage requires an include rule.
func (c groupCreate) Usage() error {
	if len(c.Include) == 0 {
		return cli.Usage("a group needs at least one --include rule")
	}
	return nil
}

// Body returns the group of the flags.
func (c groupCreate) Body(ctx context.Context, _ *cli.Terminal, cl *client.Client) (any, error) {
	group := client.Group{Name: c.Name}
	var err error
	group.Include, group.Require, group.Exclude, err = c.resolved(ctx, cl)
	return group, err
}

type groupEdit struct {
	Name *string `env:"-" help:"New name."`
	rules
}

// Help returns the text that --help shows below the summary.
func (groupEdit) Help() string { return ruleHelp() + replaceHelp }

// Edit sets the members of a group for the given flags.
func (c groupEdit) Edit(ctx context.Context, _ *cli.Terminal, cl *client.Client, _ client.Group,
	body map[string]any) (int, error) {
	changed, err := c.replaceIn(ctx, cl, body)
	return changed + resource.Set(body, "name", c.Name), err
}
