package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

type resultsCmd struct {
	remote
	output
	Device string `arg:"" optional:"" help:"Id of the device."`
	Follow bool   `short:"f" env:"-" help:"Show results as they come, until interrupted."`
	After  string `env:"-" help:"With --follow: go on after this position, which an earlier run showed." placeholder:"POSITION"`
}

func (c *resultsCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Follow == (c.Device != "") {
		return cli.Usage("give the id of a device, or --follow")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(ctx, t, cl)
	}
	return c.device(ctx, t, cl)
}

// follow shows events until ctx ends; a stream that breaks off is taken up where it was.
func (c *resultsCmd) follow(ctx context.Context, t *cli.Terminal, cl *client.Client) error {
	for {
		for event, err := range cl.Follow(ctx, c.After) {
			switch {
			case ctx.Err() != nil:
				return nil
			case err == nil:
				if event.ID != "" {
					c.After = event.ID
				}
				if err := c.event(t, event); err != nil {
					return err
				}
			case errors.Is(err, client.ErrStreamEnded):
				fmt.Fprintln(t.Err, "the stream ended, following again")
			default:
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// event shows one event: in JSON a line of its own, with the position to go on from.
func (c *resultsCmd) event(t *cli.Terminal, e client.Event) error {
	if c.Output == "json" {
		line, err := json.Marshal(struct {
			Event    string          `json:"event"`
			Position string          `json:"position"`
			Data     json.RawMessage `json:"data"`
		}{e.Kind, e.ID, e.Data})
		if err != nil {
			return fmt.Errorf("an event that is not JSON: %w", err)
		}
		_, err = fmt.Fprintf(t.Out, "%s\n", line)
		return err
	}
	return showEvent(t, e)
}
