package posture

import (
	"context"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Explain is the command plumb explain.
type Explain struct {
	remote.Flags
	render.Reading
	deviceAndCheck
}

// deviceAndCheck are the arguments of commands about one check of a device, or all of them.
type deviceAndCheck struct {
	Device string `arg:"" completes:"device" help:"Device: id, host name, serial number or e-mail address."`
	Check  string `arg:"" optional:"" help:"Check, by id or name. Default: every check."`
}

// ids returns the ids of the device and of the check. The latter is empty if no check was given.
func (a *deviceAndCheck) ids(ctx context.Context, cl *client.Client) (device, check string, err error) {
	if device, err = cl.FindDevice(ctx, a.Device); err != nil || a.Check == "" {
		return device, "", err
	}
	check, err = resource.ID(ctx, cl.Checks, a.Check)
	return device, check, err
}

// Run explains the results of a device.
func (c *Explain) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	device, check, err := c.ids(ctx, cl)
	if err != nil {
		return err
	}
	return c.Present(ctx, t, func(ctx context.Context) (any, render.Rows, error) {
		e, err := cl.Explain(ctx, device, check)
		return e, func(tab *render.Table) {
			for n := range e.Value.Checks {
				if n > 0 {
					tab.Row("")
				}
				explanationRows(tab, &e.Value.Checks[n])
			}
		}, err
	})
}

// explanationRows explains one result, from its outcome back to the poll that it comes from.
func explanationRows(tab *render.Table, x *client.Explanation) {
	tab.Row("check", x.Name)
	tab.Row("outcome", x.Outcome)
	tab.Row("why", x.Sentence+" ("+x.Reason+")")
	if x.Wanted != nil {
		tab.Row("passes when", fmt.Sprintf("score %s %v", x.Operator, *x.Wanted))
	}
	tab.Row("score", render.Number(x.Score)+problemNote(x.Problem))
	if x.AgeMS != nil {
		tab.Row("observed", fmt.Sprintf("%s, %s ago", render.Moment(x.ObservedAt), age(*x.AgeMS)))
	}
	if x.ExpiresAt != nil {
		tab.Row("valid until", render.Moment(x.ExpiresAt))
	}
	if x.Observed != "" && x.Observed != x.Outcome {
		tab.Row("score alone", x.Observed)
	}
	if x.Why != "" {
		tab.Row("enforcement", x.Why)
	}
	revision := fmt.Sprint(x.Revision)
	if x.Used != 0 && x.Used != x.Revision {
		revision += fmt.Sprintf("; the outcome is of revision %d, a new evaluation is due", x.Used)
	}
	tab.Row("check revision", revision)
	i := x.Integration
	if i == nil {
		return
	}
	state := ""
	if x.Paused {
		state = " (paused)"
	}
	tab.Row("integration", i.Name+state)
	if i.Tick == 0 {
		tab.Row("newest poll", "none yet")
		return
	}
	tab.Row("newest poll",
		fmt.Sprintf("tick %d, batch %s, at %s", i.Tick, render.OrDash(x.Batch), render.Moment(i.PolledAt)))
	if p := i.Poll; p != nil {
		tab.Row("answer", answerSummary(p.Status, p.Attempts, p.TookMS, p.Error, p.Detail))
	}
}

func problemNote(s string) string {
	if s == "" {
		return ""
	}
	return " (newest poll: " + s + ")"
}

// answerSummary describes the HTTP response to a call.
func answerSummary(status, attempts int, tookMS int64, code, detail string) string {
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

// age returns a rounded age.
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
