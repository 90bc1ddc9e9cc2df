package resource

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Kind describes a kind of resource to the commands of this package.
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

// kindOf returns the kind that the argument A names.
func kindOf[A Argument[T], T client.Named]() Kind[T] {
	var a A
	return a.Kind()
}

// Print shows a created or changed resource.
func (k Kind[T]) Print(t *cli.Terminal, o *render.Output, item client.Item[T]) error {
	return o.Show(t, item, func(tab *render.Table) { k.Fields(tab, item.Value) })
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

// PrintSecret shows a resource with its new secret. If a file was asked for, it writes the secret to the file and shows
// the resource without the secret. lost tells the user what to do if writing fails: the control plane returns a secret
// only once.
func (k Kind[T]) PrintSecret(ctx context.Context, t *cli.Terminal, cl *client.Client, o *render.Output, file *NewFile,
	item client.Item[T], secret, lost string) error {
	if file.Path == "" {
		return k.Print(t, o, item)
	}
	id, all := item.Value.ResourceID(), k.Collection(cl)
	err := file.Keep(secret)
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", all.Kind(), id, lost, err)
	}
	if item, err = all.Get(ctx, id); err != nil {
		return err
	}
	return k.Print(t, o, item)
}
