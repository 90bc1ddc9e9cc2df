package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type resultsCmd struct {
	remote
	reading
	Device string `arg:"" optional:"" help:"Device: id, host name, serial number or e-mail address."`
	Follow bool   `short:"f" env:"-" help:"Show changes as they come, until interrupted."`
	After  string `env:"-" help:"With --follow: begin after this position, which -o json shows with each change." placeholder:"POSITION"`
}

func (c *resultsCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Follow == (c.Device != "") {
		return cli.Usage("give a device, or --follow")
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

func (c *resultsCmd) device(ctx context.Context, t *cli.Terminal, cl *client.Client) error {
	device, err := cl.FindDevice(ctx, c.Device)
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		r, err := cl.DeviceResults(ctx, device)
		return view{r, func(tab *table) { resultRows(tab, r.Value) }}, err
	})
}

func resultRows(tab *table, r client.DeviceResults) {
	tab.row("INTEGRATION", "CHECK", "OUTCOME", "REASON", "SCORE", "OBSERVED", "PROBLEM")
	for _, i := range r.Integrations {
		for _, k := range i.Checks {
			tab.row(i.Name, k.Name, k.Outcome, k.Reason, number(i.Score), moment(i.ObservedAt), orDash(i.Problem))
		}
	}
}

// number is n, or a dash where there is none.
func number(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// momentLayout is how tables show a time: in this machine's zone, which it names. momentWidth is its usual width.
const (
	momentLayout = time.DateTime + " MST"
	momentWidth  = len(time.DateTime + " CEST")
)

// moment returns a time as tables show it, or a dash for none.
func moment(at *time.Time) string {
	if at == nil || at.IsZero() {
		return "-"
	}
	return at.Local().Format(momentLayout)
}

// follow shows events until ctx ends; a stream that breaks off is taken up where it was.
func (c *resultsCmd) follow(ctx context.Context, t *cli.Terminal, cl *client.Client) error {
	names, err := checkNames(ctx, cl)
	if err != nil {
		return err
	}
	lines := eventLines{t: t, checks: names}
	for {
		for event, err := range cl.Follow(ctx, c.After) {
			if ctx.Err() != nil {
				return nil
			}
			if errors.Is(err, client.ErrStreamEnded) {
				fmt.Fprintln(t.Err, "the stream broke off, following again")
				break
			}
			if err == nil {
				err = c.event(t, &lines, event)
			}
			if err != nil {
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

// event shows one event: in JSON on a line of its own, with the position to go on from.
func (c *resultsCmd) event(t *cli.Terminal, lines *eventLines, e client.Event) error {
	if e.ID != "" {
		c.After = e.ID
	}
	if c.Output == "table" {
		return lines.show(e)
	}
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

func checkNames(ctx context.Context, cl *client.Client) (map[string]string, error) {
	all, err := cl.Checks.List(ctx)
	names := make(map[string]string, len(all))
	for _, k := range all {
		names[k.Value.ID] = k.Value.Name
	}
	return names, err
}
