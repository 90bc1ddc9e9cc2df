package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type explainCmd struct {
	remote
	reading
	Device string `arg:"" help:"Device: id, host name, serial number or e-mail address."`
	Check  string `arg:"" optional:"" help:"Check, by id or name; without it, every one."`
}

func (c *explainCmd) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	device, err := cl.FindDevice(ctx, c.Device)
	if err != nil {
		return err
	}
	check := ""
	if c.Check != "" {
		item, err := cl.Checks.Find(ctx, c.Check)
		if err != nil {
			return err
		}
		check = item.Value.ID
	}
	return c.run(ctx, t, func(ctx context.Context) (view, error) {
		e, err := cl.Explain(ctx, device, check)
		return view{e, func(tab *table) {
			for n := range e.Value.Checks {
				if n > 0 {
					tab.row("")
				}
				explained(tab, &e.Value.Checks[n])
			}
		}}, err
	})
}

// explained tells it from the outcome back to where it comes from.
func explained(tab *table, x *client.Explanation) {
	tab.row("check", x.Name)
	tab.row("outcome", x.Outcome)
	tab.row("why", x.Sentence+" ("+x.Reason+")")
	if x.Wanted != nil {
		tab.row("passes when", fmt.Sprintf("score %s %v", x.Operator, *x.Wanted))
	}
	tab.row("score", number(x.Score)+problem(x.Problem))
	if x.AgeMS != nil {
		tab.row("observed", fmt.Sprintf("%s, %s ago", moment(x.ObservedAt), age(*x.AgeMS)))
	}
	if x.ExpiresAt != nil {
		tab.row("counts until", moment(x.ExpiresAt))
	}
	if x.Observed != "" && x.Observed != x.Outcome {
		tab.row("by itself", x.Observed)
	}
	revision := fmt.Sprint(x.Revision)
	if x.Used != 0 && x.Used != x.Revision {
		revision += fmt.Sprintf("; the outcome was made with %d and is worked out anew", x.Used)
	}
	tab.row("check revision", revision)
	i := x.Integration
	if i == nil {
		return
	}
	state := ""
	if x.Paused {
		state = " (paused)"
	}
	tab.row("integration", i.Name+state)
	if i.Tick == 0 {
		tab.row("newest poll", "none yet")
		return
	}
	tab.row("newest poll", fmt.Sprintf("tick %d, batch %s, at %s", i.Tick, orDash(x.Batch), moment(i.PolledAt)))
	if p := i.Poll; p != nil {
		tab.row("answer", answered(p.Status, p.Attempts, p.TookMS, p.Error, p.Detail))
	}
}

func problem(s string) string {
	if s == "" {
		return ""
	}
	return " (the newest poll: " + s + ")"
}

func answered(status, attempts int, tookMS int64, code, detail string) string {
	text := "no HTTP answer"
	if status != 0 {
		text = fmt.Sprintf("HTTP %d", status)
	}
	text += fmt.Sprintf(" after %d ms", tookMS)
	if attempts > 1 {
		text += fmt.Sprintf(", %d attempts", attempts)
	}
	for _, s := range []string{code, detail} {
		if s != "" {
			text += "; " + strings.TrimSuffix(s, ".")
		}
	}
	return text
}

// age is how old something is, as people say it.
func age(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d < time.Minute:
		return d.Round(time.Second / 10).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
