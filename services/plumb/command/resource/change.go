package resource

import (
	"context"
	"net/url"
	"reflect"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Edit is the command to change one resource in an editor only.
type Edit[A Argument[T], T client.Named] struct {
	remote.Flags
	render.Output
	Argument A `embed:""`
}

// Run opens the resource in an editor.
func (c *Edit[A, T]) Run(ctx context.Context, t *cli.Terminal) error {
	return c.Argument.Kind().editByName(ctx, t, &c.Flags, &c.Output, c.Argument.Typed())
}

// Patch holds the flags of a command that sends only the members to change.
type Patch interface {
	// Body returns the members to change, or nil if no flag was given.
	Body() (any, error)
}

// Update is the command to change one resource by a [Patch], or in an editor if no flag was given. The request
// succeeds whatever the revision of the resource is.
type Update[A Argument[T], F Patch, T client.Named] struct {
	remote.Flags
	render.Output
	Argument A `embed:""`
	Changes  F `embed:""`
}

// Run changes the resource and shows it.
func (c *Update[A, F, T]) Run(ctx context.Context, t *cli.Terminal) error {
	kind := c.Argument.Kind()
	body, err := c.Changes.Body()
	if err != nil {
		return err
	}
	if body == nil {
		return kind.editByName(ctx, t, &c.Flags, &c.Output, c.Argument.Typed())
	}
	return kind.Act(ctx, t, &c.Flags, &c.Output, c.Argument.Typed(),
		func(cl *client.Client, id string) (client.Item[T], error) {
			return kind.Collection(cl).Update(ctx, id, body)
		})
}

// Revision holds the flags of a command that sends a whole resource back.
type Revision[T client.Named] interface {
	// Edit changes the body of the current resource in place, and returns the number of edited members.
	Edit(ctx context.Context, t *cli.Terminal, cl *client.Client, current T, body map[string]any) (int, error)
}

// Replace is the command to change one resource by a [Revision], or in an editor if no member was edited. The request
// fails if the resource has changed since it was read. If the flags have a method Help() string, --help shows the text
// of it; if they have a method Query() url.Values, the request has that query.
type Replace[A Argument[T], F Revision[T], T client.Named] struct {
	remote.Flags
	render.Output
	Argument A `embed:""`
	Changes  F `embed:""`
}

// Help returns the text that --help shows below the summary.
func (c Replace[A, F, T]) Help() string { return helpOf(c.Changes) }

// Run changes the resource and shows it.
func (c *Replace[A, F, T]) Run(ctx context.Context, t *cli.Terminal) error {
	if reflect.ValueOf(c.Changes).IsZero() && !canEdit(t) {
		return ErrNothing
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	kind := c.Argument.Kind()
	all := kind.Collection(cl)
	if f, ok := any(c.Changes).(interface{ Query() url.Values }); ok {
		all = all.WithQuery(f.Query())
	}
	item, err := all.Current(ctx, c.Argument.Typed())
	if err != nil {
		return err
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	edited, err := c.Changes.Edit(ctx, t, cl, item.Value, body)
	if err != nil {
		return err
	}
	if edited == 0 {
		return kind.edit(ctx, t, all, &c.Output, item)
	}
	if item, err = all.Replace(ctx, item.Value.ResourceID(), item.Revision, body); err != nil {
		return err
	}
	return kind.Print(t, &c.Output, item)
}
