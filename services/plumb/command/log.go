package command

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type logCmd struct {
	Posture postureLogCmd `cmd:"" help:"Every result of every device, as it was evaluated, the oldest first."`
	Access  accessLogCmd  `cmd:"" help:"Requests and logins, let in or refused, and why; the oldest first."`
}

// logAgo is how far back a log is shown where nobody says.
const logAgo = time.Hour

// logging are the flags of every log.
type logging struct {
	remote
	output
	period
	limited
	Follow bool `short:"f" env:"-" help:"Then go on with what comes, until interrupted. Without --since, only that."`
}

func (l *logging) check() error {
	if l.Follow && !l.Until.IsZero() {
		return cli.Usage("--follow has no end: leave out --until")
	}
	return nil
}

// most is how many lines are shown; what is followed has no end.
func (l *logging) most() int {
	if l.Follow {
		return 0
	}
	return l.Limit
}

// begin is since when the log is shown.
func (l *logging) begin() time.Time {
	if l.Follow {
		return l.since(0)
	}
	return l.since(logAgo)
}

type postureLogCmd struct {
	logging
	Device      []string `env:"-" sep:"none" help:"Of this device only: id, host name, serial number or e-mail address; may be given again." placeholder:"DEVICE"`
	Check       []string `env:"-" sep:"none" help:"Of this check only, by id or name; may be given again." placeholder:"CHECK"`
	Integration []string `env:"-" sep:"none" help:"Of this integration only, by id or name; may be given again." placeholder:"INTEGRATION"`
	Outcome     []string `env:"-" enum:"pass,fail,unknown" help:"Only these: ${enum}." placeholder:"OUTCOME"`
}

func (c *postureLogCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	q := client.PostureQuery{Since: c.begin(), Until: c.Until.Time, Devices: slices.Clone(c.Device), Outcomes: c.Outcome}
	for n, name := range q.Devices {
		if q.Devices[n], err = cl.FindDevice(ctx, name); err != nil {
			return err
		}
	}
	if q.Checks, err = ids(ctx, cl.Checks, c.Check); err != nil {
		return err
	}
	if q.Integrations, err = ids(ctx, cl.Integrations, c.Integration); err != nil {
		return err
	}
	out := newLines(t, &c.output, column{"WHEN", momentWidth}, column{"DEVICE", 36}, column{"OUTCOME", 7}, column{"REASON", 13}, column{"SCORE", 5}, column{"HOST", 24}, column{"CHECK", 0})
	out.limit = c.most()
	return repeat(ctx, t, c.Follow, func(ctx context.Context) error {
		for line, err := range cl.PostureLog(ctx, &q) {
			if err == nil {
				v := &line.Value
				err = out.line(line.Raw, moment(&v.At), v.Device, v.Outcome, v.Reason, number(v.Received.Score), orDash(cmp.Or(v.Host, v.Email)), v.CheckName)
			}
			if err != nil {
				return out.end(t, err, "go on with --since, narrow it with --device, --check, --outcome")
			}
		}
		return out.flush()
	})
}

// ids are those of resources that are named by id or name.
func ids[T client.Named](ctx context.Context, all client.Collection[T], names []string) ([]string, error) {
	var found []string
	for _, name := range names {
		one, err := all.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		found = append(found, one.Value.ResourceID())
	}
	return found, nil
}

type accessLogCmd struct {
	logging
	App     string `env:"-" help:"Of this application only, by id or name." placeholder:"APP"`
	Email   string `env:"-" help:"Of people whose address has this in it." placeholder:"TEXT"`
	Ray     string `env:"-" help:"Of the request with this id, as a page of refusal shows it." placeholder:"RAY"`
	Allowed bool   `env:"-" xor:"decided" help:"Only what was let in."`
	Refused bool   `env:"-" xor:"decided" help:"Only what was refused."`
}

func (c *accessLogCmd) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.check(); err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	q := client.AccessQuery{Since: c.begin(), Until: c.Until.Time, Email: c.Email, Ray: c.Ray}
	if c.Allowed || c.Refused {
		q.Allowed = &c.Allowed
	}
	if c.App != "" {
		app, err := cl.Applications.Find(ctx, c.App)
		if err != nil {
			return err
		}
		q.App = app.Value.ID
	}
	out := newLines(t, &c.output, column{"WHEN", momentWidth}, column{"", 7}, column{"REASON", 19}, column{"TIMES", 5}, column{"WHAT", 7},
		column{"WHO", 39}, column{"FROM", 15}, column{"APPLICATION", 24}, column{"DEVICE", 0})
	out.limit = c.most()
	log := cl.AccessLog(q)
	return repeat(ctx, t, c.Follow, func(ctx context.Context) error {
		for one, err := range log.Read(ctx) {
			if err == nil {
				v := &one.Value
				decided := "refused"
				if v.Allowed {
					decided = "allowed"
				}
				err = out.line(one.Raw, moment(&v.At), decided, v.Reason, fmt.Sprint(v.Count), v.Action,
					orDash(cmp.Or(v.Email, v.ClientID)), orDash(v.IP), orDash(v.Domain), orDash(v.Device))
			}
			if err != nil {
				return out.end(t, err, "go on with --since, narrow it with --app, --email, --refused")
			}
		}
		return out.flush()
	})
}
