package command

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type tagCmd struct {
	List   tagList   `cmd:"" help:"List all."`
	Create tagCreate `cmd:"" help:"Create one, for applications to carry."`
	Show   tagShow   `cmd:"" aliases:"get" help:"Show one."`
	Edit   tagEdit   `cmd:"" help:"Rename one that no application carries."`
	Delete tagDelete `cmd:"" help:"Delete one that no application carries."`
}

type tagName struct {
	Tag string `arg:"" help:"Name."`
}

func tags(cl *client.Client) client.Collection[client.Object] { return cl.Objects(client.KindTag) }

func tagFields(tab *table, o client.Object) {
	tab.row("name", o.ResourceName())
	tab.row("applications", o["app_count"])
}

type tagList struct {
	remote
	reading
}

func (c *tagList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, tags(cl), func(tab *table, o client.Object) { tab.row(o.ResourceName(), o["app_count"]) }, "NAME", "APPLICATIONS")
}

type tagCreate struct {
	remote
	output
	tagName
}

func (c *tagCreate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := tags(cl).Create(ctx, map[string]string{"name": c.Tag})
	if err != nil {
		return err
	}
	return one(t, &c.output, item, tagFields)
}

type tagShow struct {
	remote
	reading
	tagName
}

func (c *tagShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, tags(cl), c.Tag, tagFields)
}

type tagEdit struct {
	remote
	output
	tagName
	Name string `required:"" env:"-" help:"New name."`
}

func (c *tagEdit) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := tags(cl).Update(ctx, c.Tag, map[string]string{"name": c.Name})
	if err != nil {
		return err
	}
	return one(t, &c.output, item, tagFields)
}

type tagDelete struct {
	remote
	confirmation
	tagName
}

func (c *tagDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, tags(cl), c.Tag)
}
