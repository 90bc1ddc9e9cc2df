package posture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Results is the command plumb results.
type Results struct {
	remote.Flags
	render.Reading
	Device string `arg:"" optional:"" completes:"device" help:"Device: id, host name, serial number or e-mail address."`
	Follow bool   `short:"f" env:"-" help:"Show every change as it happens, until interrupted."`
	After  string `env:"-" help:"With --follow: continue after this position, which -o json shows for each change." placeholder:"POSITION"`
}

// Run shows the results of a device, or follows all results.
func (c *Results) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Follow == (c.Device != "") {
		return cli.Usage("give either a device or --follow")
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	if c.Follow {
		return c.follow(ctx, t, cl)
	}
	device, err := cl.FindDevice(ctx, c.Device)
	if err != nil {
		return err
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		r, err := cl.DeviceResults(ctx, device)
		return r, func(tab *render.Table) { resultRows(tab, r.Value) }, err
	})
}

func resultRows(tab *render.Table, r client.DeviceResults) {
	header := []any{"INTEGRATION", "CHECK", "OUTCOME", "REASON", "SCORE", "OBSERVED", "PROBLEM"}
	if noted(r) {
		header = append(header, "NOTE")
	}
	tab.Row(header...)
	for _, i := range r.Integrations {
		for _, k := range i.Checks {
			row := []any{i.Name, k.Name, k.Outcome, k.Reason, render.Number(i.Score), render.Moment(i.ObservedAt),
				render.OrDash(i.Problem)}
			if note := k.Note(k.Outcome); note != "" {
				row = append(row, note)
			}
			tab.Row(row...)
		}
	}
}

// noted reports whether any outcome has a note.
func noted(r client.DeviceResults) bool {
	for _, i := range r.Integrations {
		for _, k := range i.Checks {
			if k.Note(k.Outcome) != "" {
				return true
			}
		}
	}
	return false
}

// follow shows changes until ctx ends. If the stream breaks, it continues after the last position.
func (c *Results) follow(ctx context.Context, t *cli.Terminal, cl *client.Client) error {
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
				fmt.Fprintln(t.Err, "the stream was interrupted, reconnecting")
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

// event shows one event. JSON events have a line each, with the position to continue after.
func (c *Results) event(t *cli.Terminal, lines *eventLines, e client.Event) error {
	if e.ID != "" {
		c.After = e.ID
	}
	if c.Format == "table" {
		return lines.show(e)
	}
	line, err := json.Marshal(struct {
		Event    string          `json:"event"`
		Position string          `json:"position"`
		Data     json.RawMessage `json:"data"`
	}{e.Kind, e.ID, e.Data})
	if err != nil {
		return fmt.Errorf("event is not valid JSON: %w", err)
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
