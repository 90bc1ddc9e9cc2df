package posture

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
	"plumbline.dev/services/plumb/demo"
)

// Status is the command plumb status.
type Status struct {
	remote.Flags
	render.Reading
}

// Help returns the text that --help shows below the summary.
func (Status) Help() string {
	return "An integration is holding if a breaker keeps the outcomes of a check: see plumb hold list."
}

// Run shows the newest poll of each integration.
func (c *Status) Run(ctx context.Context, t *cli.Terminal) error {
	return resource.Read(ctx, t, &c.Flags, &c.Reading, (*client.Client).Overview, statusRows)
}

func statusRows(tab *render.Table, all []client.Item[client.Status]) {
	tab.Row("INTEGRATION", "STATE", "INTERVAL", "POLL", "AT", "PAGES", "DEVICES", "PASS", "FAIL", "UNKNOWN",
		"CHANGED", "NOT BY SCORE", "TOOK", "ERROR")
	for _, i := range all {
		s := i.Value
		cells := []any{s.Name, integrationHealth(s), s.Interval, "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}
		if p := s.Poll; p != nil {
			cells = append(cells[:3], p.Tick, render.Moment(p.At), fmt.Sprintf("%d/%d", p.DonePages, p.Pages), p.Devices,
				p.Pass, p.Fail, p.Unknown, p.Changed, render.OrDash(p.Enforced.String()),
				time.Duration(p.TookMS)*time.Millisecond, render.OrDash(p.Failure()))
		}
		tab.Row(cells...)
	}
}

// integrationHealth returns the state of an integration: unsupported, paused, overdue, failed or ok. A hold is added to
// it, or stands in place of ok.
func integrationHealth(s client.Status) string {
	state := pollHealth(s)
	switch {
	case s.Holds == 0:
		return state
	case state == "ok":
		return "holding"
	}
	return state + ", holding"
}

func pollHealth(s client.Status) string {
	switch {
	case s.Standing == render.Unsupported:
		return render.Unsupported
	case s.Paused:
		return "paused"
	case s.Overdue:
		return "overdue"
	case s.Poll != nil && s.Poll.Error != "":
		return "failed"
	}
	return "ok"
}

// Poll is the command plumb poll.
type Poll struct {
	remote.Flags
	render.Output
	integrationName
	Wait time.Duration `default:"5m" env:"-" help:"Time to wait for the outcome. 0: do not wait."`
}

// Run starts a poll and waits for its outcome.
func (c *Poll) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	integration, err := resource.ID(ctx, cl.Integrations, c.Integration)
	if err != nil {
		return err
	}
	ordered, err := cl.PollNow(ctx, integration)
	if err != nil {
		return err
	}
	if c.Wait == 0 {
		return c.Show(t, client.Poll{Tick: ordered.Tick}, func(tab *render.Table) {
			tab.Row(fmt.Sprintf("poll %d has started", ordered.Tick))
		})
	}
	poll, err := c.outcome(ctx, t, cl, integration, ordered)
	if err != nil {
		return err
	}
	if err := c.Show(t, poll, func(tab *render.Table) { tab.Row(demo.Line(poll)) }); err != nil {
		return err
	}
	if poll.Error != "" {
		return fmt.Errorf("poll %d failed: %s", poll.Tick, poll.Failure())
	}
	return nil
}

// pollEvery is the time between two requests for the result of a poll.
const pollEvery = 100 * time.Millisecond

// outcome waits until every page has a result of the poll, whether its calls succeeded or not. It does not start
// another poll.
func (c *Poll) outcome(ctx context.Context, t *cli.Terminal, cl *client.Client, integration string,
	o client.Ordered) (client.Poll, error) {
	late := fmt.Errorf("poll %d has not finished after %v: see plumb status", o.Tick, c.Wait)
	ctx, cancel := context.WithTimeoutCause(ctx, c.Wait, late)
	defer cancel()
	bar := demo.Show{Out: t.Err, Terminal: t.ErrTTY}
	defer bar.Clear()
	for {
		p, err := cl.PollResult(ctx, integration, o)
		switch {
		case ctx.Err() != nil:
			return p, context.Cause(ctx)
		case err != nil || p.Done() || p.Pages == 0:
			return p, err
		}
		bar.Seen(p, false)
		select {
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}
