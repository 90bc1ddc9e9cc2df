package command

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type groupCmd struct {
	List   groupList   `cmd:"" help:"List all."`
	Create groupCreate `cmd:"" help:"Create one; policies refer to it by group=NAME."`
	Show   groupShow   `cmd:"" aliases:"get" help:"Show one, with its rules."`
	Edit   groupEdit   `cmd:"" help:"Change one; what is not given stays."`
	Delete groupDelete `cmd:"" help:"Delete one."`
}

type groupName struct {
	Group string `arg:"" help:"Id or name."`
}

type groupList struct {
	remote
	reading
}

func (c *groupList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.Groups, func(tab *table, g client.Group) {
		tab.row(g.ID, g.Name, len(g.Include)+len(g.Require)+len(g.Exclude), supportState(true, g.Unsupported))
	}, "ID", "NAME", "RULES", "STATE")
}

func groupFields(tab *table, g client.Group) {
	tab.row("id", g.ID)
	tab.row("name", g.Name)
	ruleRows(tab, "include", g.Include)
	ruleRows(tab, "require", g.Require)
	ruleRows(tab, "exclude", g.Exclude)
	unsupportedRows(tab, g.Unsupported, "never lets anybody in")
}

type groupCreate struct {
	remote
	output
	Name string `required:"" env:"-" help:"Name."`
	rules
}

// Help is shown by --help.
func (groupCreate) Help() string { return ruleHelp() }

func (c *groupCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if len(c.Include) == 0 {
		return cli.Usage("say who belongs to the group: at least one --include")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	group := client.Group{Name: c.Name}
	if group.Include, group.Require, group.Exclude, err = c.resolved(ctx, cl); err != nil {
		return err
	}
	item, err := cl.Groups.Create(ctx, group)
	if err != nil {
		return err
	}
	return one(t, &c.output, item, groupFields)
}

type groupShow struct {
	remote
	reading
	groupName
}

func (c *groupShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.Groups, c.Group, groupFields)
}

type groupEdit struct {
	remote
	output
	groupName
	Name *string `env:"-" help:"New name."`
	rules
}

// Help is shown by --help.
func (groupEdit) Help() string { return ruleHelp() + " Rules of one kind replace all of that kind." }

func (c *groupEdit) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.Groups.Current(ctx, c.Group)
	if err != nil {
		return err
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	changed, err := c.replaceIn(ctx, cl, body)
	if err != nil {
		return err
	}
	if changed+set(body, "name", c.Name) == 0 {
		return inEditor(ctx, t, &c.output, cl.Groups, item, groupFields)
	}
	if item, err = cl.Groups.Replace(ctx, item.Value.ID, item.Revision, body); err != nil {
		return err
	}
	return one(t, &c.output, item, groupFields)
}

type groupDelete struct {
	remote
	confirmation
	groupName
}

func (c *groupDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.Groups, c.Group)
}
