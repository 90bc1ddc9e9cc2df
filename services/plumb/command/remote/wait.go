package remote

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/render"
)

// WaitAloud returns a [client.Config.Wait] that names the reason on the terminal's standard error.
func WaitAloud(t *cli.Terminal) func(context.Context, time.Duration, string) error {
	return func(ctx context.Context, d time.Duration, why string) error {
		fmt.Fprintf(t.Err, "%s: waiting %v\n", render.Clean(why), d.Round(time.Millisecond))
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
