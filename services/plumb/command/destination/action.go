package destination

import (
	"context"
	"errors"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

type test struct {
	remote.Flags
	render.Output
	argument
}

// Run sends a test message. It fails if the receiver does not accept it.
func (c *test) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	id, err := resource.ID(ctx, cl.EventDestinations(), c.Destination)
	if err != nil {
		return err
	}
	result, err := cl.TestDestination(ctx, id)
	if err != nil {
		return err
	}
	r := result.Value
	if err := c.Output.Show(t, result, func(tab *render.Table) {
		tab.Row("delivered", r.Delivered)
		tab.Row("status", r.Status)
		tab.Row("took", time.Duration(r.TookMS)*time.Millisecond)
		tab.Row("event", render.OrDash(r.Event))
	}); err != nil {
		return err
	}
	if !r.Delivered {
		return errors.New("the test message was not accepted: " + r.Error)
	}
	return nil
}

type replay struct {
	remote.Flags
	render.Output
	argument
	Since render.Instant `required:"" env:"-" help:"Start: an age, such as 90m or 7d, or a time, such as 2006-01-02T15:04:05." placeholder:"WHEN"`
}

// Run has messages sent again.
func (c *replay) Run(ctx context.Context, t *cli.Terminal) error {
	return destinations.Act(ctx, t, &c.Flags, &c.Output, c.Destination,
		func(cl *client.Client, id string) (client.Item[client.EventDestination], error) {
			return cl.ReplayDestination(ctx, id, c.Since.Time)
		})
}

type rotate struct {
	remote.Flags
	render.Output
	argument
	Overlap    time.Duration `default:"24h" env:"-" help:"How long messages are signed with the former secret, too. 0s: not at all."`
	SecretFile string        `type:"path" env:"-" help:"Write the secret to this new file, with mode 0600, instead of showing it." placeholder:"PATH"`
}

// Run rotates the secret.
func (c *rotate) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	file, err := resource.Reserve(c.SecretFile, "--secret-file")
	if err != nil {
		return err
	}
	defer file.Release()
	id, err := resource.ID(ctx, cl.EventDestinations(), c.Destination)
	if err != nil {
		return err
	}
	made, err := cl.RotateDestination(ctx, id, c.Overlap)
	if err != nil {
		return err
	}
	return destinations.PrintSecret(ctx, t, cl, &c.Output, file, made, made.Value.Secret,
		"has a new secret, but it was not saved; rotate it again")
}
