package command

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type auditCmd struct {
	remote
	output
	Since  time.Duration `default:"24h" env:"-" help:"How far back."`
	Kind   string        `env:"-" help:"Of resources of this kind only, such as check." placeholder:"KIND"`
	Limit  int           `default:"100" env:"-" help:"How many at most, the newest."`
	Follow bool          `short:"f" env:"-" help:"Then go on with changes as they are made, until interrupted; JSON is a change a line then."`
}

// overlap is how far back a follower looks again: an event can be stored later than one that happened after it.
const overlap = 2 * time.Minute

// followEvery is how often a follower asks.
const followEvery = 2 * time.Second

func (c *auditCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Since <= 0 || c.Limit < 1 {
		return cli.Usage("--since is longer than 0, and --limit at least 1")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	all := []client.Item[client.AuditEntry]{}
	for i, err := range cl.AuditLog(ctx, client.AuditQuery{Type: c.Kind, Since: time.Now().Add(-c.Since)}) {
		if err != nil {
			return err
		}
		if all = append(all, i); len(all) == c.Limit {
			break
		}
	}
	if !c.Follow {
		return c.show(t, all, func(tab *table) {
			tab.row("WHEN", "WHO", "FROM", "WHAT", "KIND", "NAME")
			for _, i := range all {
				tab.row(auditCells(&i.Value)...)
			}
		})
	}
	f := follower{auditCmd: c, t: t, seen: map[string]time.Time{}}
	for _, i := range slices.Backward(all) {
		if err := f.line(i); err != nil {
			return err
		}
	}
	return f.run(ctx, cl)
}

func auditCells(a *client.AuditEntry) []any {
	who := cmp.Or(a.Actor.Email, a.Metadata.Actor, a.Actor.Type)
	return []any{a.When.Local().Format(momentLayout), who, orDash(a.Actor.IP), a.Action.Type, a.Resource.Type, cmp.Or(a.Metadata.Name, a.Resource.ID)}
}

// follower shows changes as they are made, each once.
type follower struct {
	*auditCmd
	t    *cli.Terminal
	seen map[string]time.Time
}

func (f *follower) line(i client.Item[client.AuditEntry]) error {
	if _, twice := f.seen[i.Value.ID]; twice {
		return nil
	}
	f.seen[i.Value.ID] = i.Value.When
	if f.Output != "table" {
		line, err := json.Marshal(i)
		if err == nil {
			_, err = fmt.Fprintf(f.t.Out, "%s\n", line)
		}
		return err
	}
	_, err := fmt.Fprintln(f.t.Out, clean(fmt.Sprintf("%s  %s  %s  %s %s %q", auditCells(&i.Value)...)))
	return err
}

// run asks for what is new, the oldest first, until ctx ends.
func (f *follower) run(ctx context.Context, cl *client.Client) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followEvery):
		}
		now := time.Now()
		for i, err := range cl.AuditLog(ctx, client.AuditQuery{Type: f.Kind, Since: now.Add(-overlap), Oldest: true}) {
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				err = f.line(i)
			}
			if err != nil {
				return err
			}
		}
		for id, at := range f.seen {
			if now.Sub(at) > 2*overlap {
				delete(f.seen, id)
			}
		}
	}
}
