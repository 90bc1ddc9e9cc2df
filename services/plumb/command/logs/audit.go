package logs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
)

// Audit is the command plumb audit.
type Audit struct {
	remote.Flags
	render.Output
	Since  time.Duration `default:"24h" env:"-" help:"Age of the oldest change to show."`
	Kind   string        `env:"-" help:"Only changes of this kind of resource, such as check." placeholder:"KIND"`
	Limit  int           `default:"100" env:"-" help:"Number of changes at most; the newest are shown."`
	Follow bool          `short:"f" env:"-" help:"Show new changes as they are made, until interrupted. JSON then has one change per line."`
}

// overlap is how far back a follower reads again: events are not stored in the order of their times.
const overlap = 2 * time.Minute

// Run shows the audit log.
func (c *Audit) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Since <= 0 || c.Limit < 1 {
		return cli.Usage("--since must be longer than 0, and --limit at least 1")
	}
	cl, err := c.Client()
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
		return c.Show(t, all, func(tab *render.Table) {
			tab.Row("WHEN", "WHO", "FROM", "WHAT", "KIND", "NAME")
			for _, i := range all {
				tab.Row(auditCells(&i.Value)...)
			}
		})
	}
	f := auditFollower{Audit: c, t: t, seen: map[string]time.Time{}}
	for _, i := range slices.Backward(all) {
		if err := f.show(i); err != nil {
			return err
		}
	}
	return f.run(ctx, cl)
}

func auditCells(a *client.AuditEntry) []any {
	who := cmp.Or(a.Actor.Email, a.Metadata.Actor, a.Actor.Type)
	name := cmp.Or(a.Metadata.Name, a.Resource.ID)
	return []any{render.Moment(&a.When), who, render.OrDash(a.Actor.IP), a.Action.Type, a.Resource.Type, name}
}

// auditFollower shows each change once.
type auditFollower struct {
	*Audit
	t    *cli.Terminal
	seen map[string]time.Time // times of changes, by id
}

func (f *auditFollower) show(i client.Item[client.AuditEntry]) error {
	if _, shown := f.seen[i.Value.ID]; shown {
		return nil
	}
	f.seen[i.Value.ID] = i.Value.When
	if f.Format != "table" {
		line, err := json.Marshal(i)
		if err == nil {
			_, err = fmt.Fprintf(f.t.Out, "%s\n", line)
		}
		return err
	}
	_, err := fmt.Fprintln(f.t.Out, render.Clean(fmt.Sprintf("%s  %s  %s  %s %s %q", auditCells(&i.Value)...)))
	return err
}

// run reads new changes, oldest first, until ctx ends.
func (f *auditFollower) run(ctx context.Context, cl *client.Client) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(render.FollowEvery):
		}
		now := time.Now()
		for i, err := range cl.AuditLog(ctx, client.AuditQuery{Type: f.Kind, Since: now.Add(-overlap), Oldest: true}) {
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				err = f.show(i)
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
