package command

import (
	"context"
	"fmt"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/client"
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
				p.Unknown, p.Changed, time.Duration(p.TookMS)*time.Millisecond, orDash(p.Error))
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
	tick, err := cl.PollNow(ctx, integration.Value.ID)
	if err != nil {
		return err
	}
	if c.Wait == 0 {
		return c.show(t, client.Poll{Tick: tick}, func(tab *table) { tab.row(fmt.Sprintf("poll %d is under way", tick)) })
	}
	poll, err := c.outcome(ctx, t, cl, integration.Value.ID, tick)
	if err != nil {
		return err
	}
	if err := c.show(t, poll, func(tab *table) { tab.row(demo.Line(poll)) }); err != nil {
		return err
	}
	if poll.Error != "" {
		return fmt.Errorf("poll %d failed: %s", poll.Tick, poll.Error)
	}
	return nil
}

// outcome waits until the poll of the tick, or a later one, has asked about every page. Pages that were
// still being asked about when it began are asked by another one.
func (c *pollCmd) outcome(ctx context.Context, t *cli.Terminal, cl *client.Client, integration string, tick uint64) (client.Poll, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Wait, fmt.Errorf("poll %d is not over after %v; plumb status tells more", tick, c.Wait))
	defer cancel()
	for settle := time.Second; ; settle = min(2*settle, time.Minute) {
		p, err := c.over(ctx, t, cl, integration, tick, settle)
		if err != nil || p.Done() || p.Pages == 0 {
			return p, err
		}
		if tick, err = cl.PollNow(ctx, integration); err != nil {
			return client.Poll{}, err
		}
	}
}

// over waits until the poll of the tick, or a later one, is over.
func (c *pollCmd) over(ctx context.Context, t *cli.Terminal, cl *client.Client, integration string, tick uint64, settle time.Duration) (client.Poll, error) {
	bar := demo.Show{Out: t.Err, Terminal: t.ErrTTY}
	defer bar.Clear()
	var found *client.Poll
	w := demo.Watch{Client: cl, Integration: integration, Settle: settle, Seen: func(p client.Poll, last bool) {
		if last && p.Tick >= tick {
			found = &p
		} else if !last {
			bar.Seen(p, false)
		}
	}}
	if err := w.Run(ctx, func(client.Poll) bool { return found != nil }); err != nil {
		return client.Poll{}, err
	}
	if found == nil {
		return client.Poll{}, context.Cause(ctx)
	}
	return *found, nil
}
