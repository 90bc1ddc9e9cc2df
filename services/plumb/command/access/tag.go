package access

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Tags is the command plumb tag.
type Tags struct {
	List   resource.List[tagName, client.Object]              `cmd:"" help:"List tags."`
	Create resource.Create[tagName, tagCreate, client.Object] `cmd:"" help:"Create a tag for applications."`
	Show   resource.Show[tagName, client.Object]              `cmd:"" aliases:"get" help:"Show a tag."`
	Edit   resource.Update[tagName, tagEdit, client.Object]   `cmd:"" help:"Rename a tag that no application has."`
	Delete resource.Delete[tagName, client.Object]            `cmd:"" help:"Delete a tag that no application has."`
}

type tagName struct {
	Tag string `arg:"" help:"Name of the tag."`
}

func (n tagName) Typed() string { return n.Tag }

func (tagName) Kind() resource.Kind[client.Object] { return tags }

var tags = resource.Kind[client.Object]{
	Collection: func(cl *client.Client) client.Collection[client.Object] { return cl.Objects(client.KindTag) },
	Header:     []any{"NAME", "APPLICATIONS"},
	Row:        func(o client.Object) []any { return []any{o.ResourceName(), o["app_count"]} },
	Fields: func(tab *render.Table, o client.Object) {
		tab.Row("name", o.ResourceName())
		tab.Row("applications", o["app_count"])
	},
}

type tagCreate struct{ tagName }

// Body returns the tag of the argument.
func (c tagCreate) Body(context.Context, *cli.Terminal, *client.Client) (any, error) {
	return map[string]string{"name": c.Tag}, nil
}

type tagEdit struct {
	Name string `required:"" env:"-" help:"New name."`
}

// Body returns the new name.
func (c tagEdit) Body() (any, error) { return map[string]string{"name": c.Name}, nil }
