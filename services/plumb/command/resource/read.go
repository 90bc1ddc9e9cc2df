package resource

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Read shows the value that get returns, again whenever it changes with --watch.
func Read[V any](ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Reading,
	get func(*client.Client, context.Context) (V, error), rows func(*render.Table, V)) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	return o.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		value, err := get(cl, ctx)
		return value, func(tab *render.Table) { rows(tab, value) }, err
	})
}

// List is the command to list every resource of a kind.
type List[A Argument[T], T client.Named] struct {
	remote.Flags
	render.Reading
}

// Run lists the resources.
func (c *List[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	kind := kindOf[A]()
	return Read(ctx, t, &c.Flags, &c.Reading,
		func(cl *client.Client, ctx context.Context) ([]client.Item[T], error) {
			return kind.Collection(cl).List(ctx)
		},
		func(tab *render.Table, all []client.Item[T]) {
			tab.Row(kind.Header...)
			for _, i := range all {
				tab.Row(kind.Row(i.Value)...)
			}
		})
}

// Show is the command to show one resource.
type Show[A Argument[T], T client.Named] struct {
	remote.Flags
	render.Reading
	Argument A `embed:""`
}

// Run shows the resource.
func (c *Show[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	kind := c.Argument.Kind()
	return Read(ctx, t, &c.Flags, &c.Reading,
		func(cl *client.Client, ctx context.Context) (client.Item[T], error) {
			return kind.Collection(cl).Find(ctx, c.Argument.Typed())
		},
		func(tab *render.Table, item client.Item[T]) { kind.Fields(tab, item.Value) })
}
