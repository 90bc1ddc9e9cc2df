package access

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Groups is the command plumb group.
type Groups struct {
	List   resource.List[groupName, client.Group]   `cmd:"" help:"List groups."`
	Create groupCreate                              `cmd:"" help:"Create a group. Policies refer to it with group=NAME."`
	Show   resource.Show[groupName, client.Group]   `cmd:"" aliases:"get" help:"Show a group and its rules."`
	Edit   groupEdit                                `cmd:"" help:"Change a group. Settings without a flag stay as they are."`
	Delete resource.Delete[groupName, client.Group] `cmd:"" help:"Delete a group."`
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
	remote.Flags
	render.Output
	Name string `required:"" env:"-" help:"Name of the group."`
	rules
}

// Help returns the text that --help shows below the summary.
func (groupCreate) Help() string { return ruleHelp() }

func (c *groupCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if len(c.Include) == 0 {
		return cli.Usage("a group needs at least one --include rule")
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	group := client.Group{Name: c.Name}
	if group.Include, group.Require, group.Exclude, err = c.resolved(ctx, cl); err != nil {
		return err
	}
	return groups.Create(ctx, t, cl, &c.Output, group)
}

type groupEdit struct {
	remote.Flags
	render.Output
	groupName
	Name *string `env:"-" help:"New name."`
	rules
}

// Help returns the text that --help shows below the summary.
func (groupEdit) Help() string { return ruleHelp() + replaceHelp }

func (c *groupEdit) Run(ctx context.Context, t *cli.Terminal) error {
	return groups.Change(ctx, t, &c.Flags, &c.Output, c.Group,
		func(cl *client.Client, _ client.Group, body map[string]any) (int, error) {
			changed, err := c.replaceIn(ctx, cl, body)
			return changed + resource.Set(body, "name", c.Name), err
		})
}
