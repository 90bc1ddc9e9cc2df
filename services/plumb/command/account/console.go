package account

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/command/remote"
)

// Console is the command plumb console.
type Console struct {
	Login consoleLogin `cmd:"" help:"Print a link that logs you in to the console once."`
}

const defaultConsole = "http://127.0.0.1:8403"

type consoleLogin struct {
	remote.Flags
	ConsoleURL string `name:"console-url" help:"URL of the console, which gets the API token. Default: http://127.0.0.1:8403 for a control plane on this machine." placeholder:"URL"`
}

func (c *consoleLogin) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	url := c.ConsoleURL
	if url == "" {
		if !cl.Local() {
			return cli.Usage("the control plane is not on this machine: give the console's URL with --console-url")
		}
		url = defaultConsole
	}
	link, err := cl.ConsoleLink(ctx, url)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(t.Out, link)
	return err
}
