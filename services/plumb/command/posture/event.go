package posture

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
)

// eventLines writes events of the result stream as text: one line for each device that changed.
type eventLines struct {
	t      *cli.Terminal
	checks map[string]string // names by id
}

func (l *eventLines) show(e client.Event) error {
	switch e.Kind {
	case client.EventChange:
		var c client.Change
		if err := json.Unmarshal(e.Data, &c); err != nil {
			return fmt.Errorf("read change: %w", err)
		}
		return l.change(&c)
	case client.EventReset:
		fmt.Fprintln(l.t.Err, "some changes are missing here: the log no longer has them")
	}
	return nil
}

func (l *eventLines) change(c *client.Change) error {
	var b strings.Builder
	for _, d := range c.Devices {
		// The padding is added after the colour: colour codes have no width.
		outcome := render.Paint(c.Outcome, l.t.Colour) + strings.Repeat(" ", max(0, len("unknown")-len(c.Outcome)))
		fmt.Fprintf(&b, "%s  %s  %s  score %3s  was %-7s  %-8s  %s\n", c.At.Local().Format(time.TimeOnly), d.Device, outcome,
			render.Number(d.Score), d.From, render.Clean(d.Reason),
			render.Clean(render.Noted(l.name(c.Check), d.Note(c.Outcome))))
	}
	_, err := fmt.Fprint(l.t.Out, b.String())
	return err
}

func (l *eventLines) name(check string) string {
	if name := l.checks[check]; name != "" {
		return name
	}
	return check
}
