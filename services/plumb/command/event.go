package command

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
)

func showEvent(t *cli.Terminal, e client.Event) error {
	_, err := fmt.Fprintf(t.Out, "%s %s\n", e.Kind, clean(string(e.Data)))
	return err
}

func (c *resultsCmd) device(ctx context.Context, t *cli.Terminal, cl *client.Client) error {
	raw, err := cl.DeviceResults(ctx, c.Device)
	if err != nil {
		return err
	}
	return (&output{Output: "json"}).show(t, raw, nil)
}
