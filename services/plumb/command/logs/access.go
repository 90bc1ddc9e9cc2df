package logs

import (
	"cmp"
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
)

type accessLog struct {
	logFlags
	App     string `env:"-" completes:"application" help:"Only this application, by id or name." placeholder:"APP"`
	Email   string `env:"-" help:"Only e-mail addresses with this text in them." placeholder:"TEXT"`
	Ray     string `env:"-" help:"Only the request with this id, as the deny page shows it." placeholder:"RAY"`
	Allowed bool   `env:"-" xor:"decided" help:"Only allowed requests."`
	Refused bool   `env:"-" xor:"decided" help:"Only denied requests."`
}

func (c *accessLog) Run(ctx context.Context, t *cli.Terminal) error {
	if err := c.validate(); err != nil {
		return err
	}
	cl, err := c.Client()
	if err != nil {
		return err
	}
	q := client.AccessQuery{Since: c.start(), Until: c.Until.Time, Email: c.Email, Ray: c.Ray}
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
	out := render.NewLines(t, &c.Output,
		render.Col("WHEN", render.MomentWidth), render.Col("", 7), render.Col("REASON", 19), render.Col("TIMES", 5),
		render.Col("WHAT", 7), render.Col("WHO", 39), render.Col("FROM", 15), render.Col("APPLICATION", 24),
		render.Col("DEVICE", 0))
	out.Limit = c.limit()
	log := cl.AccessLog(q)
	return render.Repeat(ctx, t, c.Follow, func(ctx context.Context) error {
		for entry, err := range log.Read(ctx) {
			if err == nil {
				v := &entry.Value
				decision := "refused"
				if v.Allowed {
					decision = "allowed"
				}
				err = out.Line(entry.Raw, render.Moment(&v.At), decision, v.Reason, fmt.Sprint(v.Count), v.Action,
					render.OrDash(cmp.Or(v.Email, v.ClientID)), render.OrDash(v.IP), render.OrDash(v.Domain),
					render.Noted(render.OrDash(v.Device), v.Posture))
			}
			if err != nil {
				return out.End(t, err, "continue with --since, or narrow it with --app, --email, --refused")
			}
		}
		return out.Flush()
	})
}
