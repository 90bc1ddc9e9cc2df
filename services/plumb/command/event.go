package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// eventLines writes events of the live stream for people: a line for each device that changed.
type eventLines struct {
	t      *cli.Terminal
	checks map[string]string // names, by id
}

func (l *eventLines) show(e client.Event) error {
	switch e.Kind {
	case client.EventChange:
		var c client.Change
		if err := json.Unmarshal(e.Data, &c); err != nil {
			return fmt.Errorf("a change that cannot be read: %w", err)
		}
		return l.change(&c)
	case client.EventReset:
		fmt.Fprintln(l.t.Err, "the log no longer holds what comes next: changes are missing here")
	}
	return nil
}

func (l *eventLines) change(c *client.Change) error {
	var b strings.Builder
	for _, d := range c.Devices {
		score := "-"
		if d.Score != nil {
			score = fmt.Sprint(*d.Score)
		}
		// Padded before it is painted: the codes of a colour have no width.
		outcome := paint(c.Outcome, l.t.Colour) + strings.Repeat(" ", max(0, len("unknown")-len(c.Outcome)))
		fmt.Fprintf(&b, "%s  %s  %s  score %3s  was %-7s  %-8s  %s\n", c.At.Local().Format(time.TimeOnly), d.Device, outcome, score,
			d.From, clean(d.Reason), clean(l.name(c.Check)))
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
