package resource

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Kind describes a kind of resource to the commands below.
type Kind[T client.Named] struct {
	Collection func(*client.Client) client.Collection[T]
	Header     []any                  // column titles of the list
	Row        func(T) []any          // cells of a resource in the list
	Fields     func(*render.Table, T) // rows of a single resource
}

// Argument is a command-line argument with the id or the name of a resource.
type Argument[T client.Named] interface {
	Typed() string // value of the argument
	Kind() Kind[T]
}

// List is the command to list every resource of a kind.
type List[A Argument[T], T client.Named] struct {
	remote.Flags
	render.Reading
}

// Run lists the resources.
func (c *List[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	var a A
	kind := a.Kind()
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		all, err := kind.Collection(cl).List(ctx)
		return all, func(tab *render.Table) {
			tab.Row(kind.Header...)
			for _, i := range all {
				tab.Row(kind.Row(i.Value)...)
			}
		}, err
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
	cl, err := c.Client()
	if err != nil {
		return err
	}
	kind := c.Argument.Kind()
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		item, err := kind.Collection(cl).Find(ctx, c.Argument.Typed())
		return item, func(tab *render.Table) { kind.Fields(tab, item.Value) }, err
	})
}

// Edit is the command to change one resource in an editor only.
type Edit[A Argument[T], T client.Named] struct {
	remote.Flags
	render.Output
	Argument A `embed:""`
}

// Run opens the resource in an editor.
func (c *Edit[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	return c.Argument.Kind().EditByName(ctx, t, &c.Flags, &c.Output, c.Argument.Typed())
}

// Delete is the command to delete one resource.
type Delete[A Argument[T], T client.Named] struct {
	remote.Flags
	Confirmation
	Argument A `embed:""`
}

// Run deletes the resource, after a question on a terminal.
func (c *Delete[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	all := c.Argument.Kind().Collection(cl)
	item, err := all.Find(ctx, c.Argument.Typed())
	if err != nil {
		return err
	}
	id, name := item.Value.ResourceID(), render.Clean(item.Value.ResourceName())
	if err := c.Confirm(ctx, t, fmt.Sprintf("Delete %s (%s)?", name, id)); err != nil {
		return err
	}
	if err := all.Delete(ctx, id); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "deleted %s %s\n", id, name)
	return err
}

// Print shows a created or changed resource.
func (k Kind[T]) Print(t *cli.Terminal, o *render.Output, item client.Item[T]) error {
	return o.Show(t, item, func(tab *render.Table) { k.Fields(tab, item.Value) })
}

// Create creates a resource and shows it.
func (k Kind[T]) Create(ctx context.Context, t *cli.Terminal, cl *client.Client, o *render.Output, body any) error {
	item, err := k.Collection(cl).Create(ctx, body)
	if err != nil {
		return err
	}
	return k.Print(t, o, item)
}

// Act finds a resource by id or name, calls act with its id, and shows the result.
func (k Kind[T]) Act(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output, name string,
	act func(cl *client.Client, id string) (client.Item[T], error)) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	item, err := k.Collection(cl).Find(ctx, name)
	if err != nil {
		return err
	}
	if item, err = act(cl, item.Value.ResourceID()); err != nil {
		return err
	}
	return k.Print(t, o, item)
}

// Change reads a resource, lets change edit its body in place, and sends it back. change returns the number of edited
// members; if it is 0, the resource is opened in an editor. The request fails if the resource has changed since it was
// read.
func (k Kind[T]) Change(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output, name string,
	change func(cl *client.Client, current T, body map[string]any) (int, error)) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	all := k.Collection(cl)
	item, err := all.Current(ctx, name)
	if err != nil {
		return err
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	changed, err := change(cl, item.Value, body)
	if err != nil {
		return err
	}
	if changed == 0 {
		return k.edit(ctx, t, all, o, item)
	}
	if item, err = all.Replace(ctx, item.Value.ResourceID(), item.Revision, body); err != nil {
		return err
	}
	return k.Print(t, o, item)
}

// Set sets a member of an object to a flag's value and returns 1, or returns 0 if the flag was not given.
func Set[T any](object map[string]any, name string, value *T) int {
	if value == nil {
		return 0
	}
	object[name] = *value
	return 1
}

// SetAll sets the members of an object with a list that is not empty, and returns their number.
func SetAll[T any](object map[string]any, lists map[string][]T) int {
	changed := 0
	for name, list := range lists {
		if len(list) > 0 {
			object[name] = list
			changed++
		}
	}
	return changed
}

// IDs returns the ids of resources given by id or name.
func IDs[T client.Named](ctx context.Context, all client.Collection[T], names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		item, err := all.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, item.Value.ResourceID())
	}
	return found, nil
}
