package resource

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

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
