package posture

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
)

// log tries the check against the posture log, and shows the steps as they come.
func (c *checkTry) log(ctx context.Context, t *cli.Terminal, cl *client.Client, q client.TrialRequest) error {
	const count = 8
	out := render.NewLines(t, &render.Output{Format: c.Format}, render.Col("WHEN", render.MomentWidth),
		render.Col("DEVICES", count), render.Col("PASS", count), render.Col("FAIL", count), render.Col("UNKNOWN", count),
		render.Col("CHANGED", count), render.Col("FLIPS", 0))
	whole := struct {
		Steps   []json.RawMessage `json:"steps"`
		Summary json.RawMessage   `json:"summary"`
	}{Steps: []json.RawMessage{}}
	progress := &trialProgress{t: t}
	defer progress.end()
	for l, err := range cl.TryLog(ctx, q) {
		if err != nil {
			_ = out.Flush()
			return err
		}
		v := &l.Value
		progress.show(v)
		switch {
		case c.Format == "json" && v.Kind == "summary":
			whole.Summary = l.Raw
			o := render.Output{Format: c.Format}
			progress.end()
			return o.Show(t, whole, nil)
		case c.Format == "json":
			whole.Steps = append(whole.Steps, l.Raw)
		case c.Format == "table" && v.Kind == "summary":
			progress.end()
			if err := out.Flush(); err != nil {
				return err
			}
			return summary(t, v)
		default:
			n := strconv.Itoa
			err = out.Line(l.Raw, render.Moment(v.At), n(v.Devices), n(v.Pass), n(v.Fail), n(v.Unknown), n(v.Changed),
				flips(&v.Tally))
			if err == nil {
				err = out.Flush()
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// summary shows the end of a trial of the log.
func summary(t *cli.Terminal, v *client.TrialLine) error {
	tab := render.NewTable(t)
	tab.Row()
	tab.Row("steps", v.Steps)
	tab.Row("log since", render.Moment(v.From))
	tab.Row("entries", v.Entries)
	if v.Unreadable > 0 {
		tab.Row("unreadable", v.Unreadable)
	}
	tab.Row("changed outcomes", v.Changed)
	tab.Row("most flips", fmt.Sprintf("%d, %s", v.MostFlips, render.Moment(v.MostAt)))
	return tab.Flush()
}

// trialProgress shows the number of the step on a terminal, in one line that is overwritten.
type trialProgress struct {
	t     *cli.Terminal
	shown bool
}

// show shows the progress unless the steps themselves appear on the same terminal.
func (p *trialProgress) show(v *client.TrialLine) {
	if v.Kind == "step" && p.t.ErrTTY && !p.t.OutTTY {
		fmt.Fprintf(p.t.Err, "\rstep %d of %d", v.Step, v.Steps)
		p.shown = true
	}
}

func (p *trialProgress) end() {
	if p.shown {
		fmt.Fprintln(p.t.Err)
		p.shown = false
	}
}
