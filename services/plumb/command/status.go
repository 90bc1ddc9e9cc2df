package command

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/demo"
)

type statusCmd struct {
	remote
	reading
}

func (c *statusCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		all, err := cl.Overview(ctx)
		return view{all, func(tab *table) { statusRows(tab, all) }}, err
	})
}

func statusRows(tab *table, all []client.Item[client.Status]) {
	tab.row("INTEGRATION", "STATE", "INTERVAL", "POLL", "AT", "PAGES", "DEVICES", "PASS", "FAIL", "UNKNOWN", "CHANGED", "TOOK", "ERROR")
	for _, i := range all {
		s := i.Value
		cells := []any{s.Name, word(s), s.Interval, "-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}
		if p := s.Poll; p != nil {
			cells = append(cells[:3], p.Tick, moment(p.At), fmt.Sprintf("%d/%d", p.DonePages, p.Pages), p.Devices, p.Pass, p.Fail,
				p.Unknown, p.Changed, time.Duration(p.TookMS)*time.Millisecond, orDash(p.Failure()))
		}
		tab.row(cells...)
	}
}

// word says how an integration stands; a failed poll matters more than that there is none at all.
func word(s client.Status) string {
	switch {
	case s.Standing == unsupported:
		return unsupported
	case s.Paused:
		return "paused"
	case s.Overdue:
		return "overdue"
	case s.Poll != nil && s.Poll.Error != "":
		return "failed"
	}
	return "ok"
}

type pollCmd struct {
	remote
	output
	integrationName
	Wait time.Duration `default:"5m" env:"-" help:"How long to wait for the outcome; 0: not at all."`
}

func (c *pollCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	integration, err := cl.Integrations.Find(ctx, c.Integration)
	if err != nil {
		return err
	}
	ordered, err := cl.PollNow(ctx, integration.Value.ID)
	if err != nil {
		return err
	}
	if c.Wait == 0 {
		return c.show(t, client.Poll{Tick: ordered.Tick}, func(tab *table) { tab.row(fmt.Sprintf("poll %d is under way", ordered.Tick)) })
	}
	poll, err := c.outcome(ctx, t, cl, integration.Value.ID, ordered)
	if err != nil {
		return err
	}
	if err := c.show(t, poll, func(tab *table) { tab.row(demo.Line(poll)) }); err != nil {
		return err
	}
	if poll.Error != "" {
		return fmt.Errorf("poll %d failed: %s", poll.Tick, poll.Failure())
	}
	return nil
}

// pollEvery is how often the result of a poll is asked for.
const pollEvery = 100 * time.Millisecond

// outcome waits until every page has a result of the poll that was ordered. It ends with that poll, whether its calls
// failed or not: no other one is ordered.
func (c *pollCmd) outcome(ctx context.Context, t *cli.Terminal, cl *client.Client, integration string, o client.Ordered) (client.Poll, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Wait, fmt.Errorf("poll %d is not over after %v: see plumb status", o.Tick, c.Wait))
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
