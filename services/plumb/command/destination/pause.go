package destination

import (
	"context"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

type pause struct {
	remote.Flags
	render.Output
	argument
}

// Run pauses a destination.
func (c *pause) Run(ctx context.Context, t *cli.Terminal) error {
	return setPaused(ctx, t, &c.Flags, &c.Output, c.Destination, true)
}

type resume struct {
	remote.Flags
	render.Output
	argument
}

// Run resumes a destination.
func (c *resume) Run(ctx context.Context, t *cli.Terminal) error {
	return setPaused(ctx, t, &c.Flags, &c.Output, c.Destination, false)
}

// setPaused sends a destination back as it is, paused or not. Any update enables a disabled destination again.
func setPaused(ctx context.Context, t *cli.Terminal, r *remote.Flags, o *render.Output, name string,
	paused bool) error {
	cl, err := r.Client()
	if err != nil {
		return err
	}
	all := cl.EventDestinations()
	item, err := all.Current(ctx, name)
	if err != nil {
		return err
	}
	d := item.Value
	body := map[string]any{"name": d.Name, "kind": d.Kind, "headers": d.Headers, "events": d.Events,
		"template": d.Template, "paused": paused}
	if item, err = all.Replace(ctx, d.ID, item.Revision, body); err != nil {
		return err
	}
	return destinations.Print(t, o, item)
}
