package command

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// The verbs that every kind of resource has; one is named by its id or its name.

func list[T client.Named](ctx context.Context, t *cli.Terminal, o *reading, r client.Collection[T], row func(*table, T), header ...any) error {
	return o.run(ctx, t, func(ctx context.Context) (view, error) {
		all, err := r.List(ctx)
		return view{all, func(tab *table) {
			tab.row(header...)
			for _, i := range all {
				row(tab, i.Value)
			}
		}}, err
	})
}

func get[T client.Named](ctx context.Context, t *cli.Terminal, o *reading, r client.Collection[T], name string, fields func(*table, T)) error {
	return o.run(ctx, t, func(ctx context.Context) (view, error) {
		item, err := r.Find(ctx, name)
		return view{item, func(tab *table) { fields(tab, item.Value) }}, err
	})
}

func one[T any](t *cli.Terminal, o *output, item client.Item[T], fields func(*table, T)) error {
	return o.show(t, item, func(tab *table) { fields(tab, item.Value) })
}

func remove[T client.Named](ctx context.Context, t *cli.Terminal, c *confirmation, r client.Collection[T], name string) error {
	item, err := r.Find(ctx, name)
	if err != nil {
		return err
	}
	question := fmt.Sprintf("Delete %s (%s)?", clean(item.Value.ResourceName()), item.Value.ResourceID())
	if err := c.confirm(ctx, t, question); err != nil {
		return err
	}
	if err := r.Delete(ctx, item.Value.ResourceID()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "deleted %s %s\n", item.Value.ResourceID(), clean(item.Value.ResourceName()))
	return err
}
