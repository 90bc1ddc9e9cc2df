package resource

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Creation holds the flags of a command that creates a resource.
type Creation interface {
	// Body returns the body of the request.
	Body(ctx context.Context, t *cli.Terminal, cl *client.Client) (any, error)
}

// Create is the command to create a resource. If its flags have a method Help() string, --help shows the text of it. If
// they have a method Usage() error, an error of it ends the command before any request. (The parser calls a method
// Validate by itself, and puts the command's name before the error.)
type Create[A Argument[T], F Creation, T client.Named] struct {
	remote.Flags
	render.Output
	New F `embed:""`
}

// Help returns the text that --help shows below the summary.
func (c Create[A, F, T]) Help() string { return helpOf(c.New) }

// Run creates the resource and shows it.
func (c *Create[A, F, T]) Run(ctx context.Context, t *cli.Terminal) error {
	if flags, ok := any(c.New).(interface{ Usage() error }); ok {
		if err := flags.Usage(); err != nil {
			return err
		}
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	body, err := c.New.Body(ctx, t, cl)
	if err != nil {
		return err
	}
	kind := kindOf[A]()
	item, err := kind.Collection(cl).Create(ctx, body)
	if err != nil {
		return err
	}
	return kind.Print(t, &c.Output, item)
}

// helpOf returns the help of a command's flags, or an empty string if they have none.
func helpOf(flags any) string {
	if f, ok := flags.(interface{ Help() string }); ok {
		return f.Help()
	}
	return ""
}
