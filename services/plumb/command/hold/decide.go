package hold

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// decision has the flags of a release and of a rejection.
type decision struct {
	remote.Flags
	render.Output
	resource.Confirmation
	holdName
	Reason string `required:"" env:"-" help:"Why, for the audit log. At most 1,000 characters." placeholder:"TEXT"`
}

type release struct{ decision }

// Help returns the text that --help shows below the summary.
func (release) Help() string {
	return "Exit code 5: the hold is over, or another person has released it; the message has its state."
}

// Run releases a hold, after a question on a terminal.
func (c *release) Run(ctx context.Context, t *cli.Terminal) error {
	return c.decide(ctx, t, "release", func(h client.Hold) string {
		return fmt.Sprintf("Release the hold of %s? %d devices lose their pass, and %d pass anew.", render.Clean(h.Name),
			h.FleetLost, h.FleetGained)
	})
}

type reject struct{ decision }

// Help returns the text that --help shows below the summary.
func (reject) Help() string {
	return "A rejection closes the alert. It does not extend the time of the hold: the safe side applies when that is " +
		"over. Exit code 5: the hold is over, expired, or rejected already; the message has its state."
}

// Run rejects a hold, after a question on a terminal.
func (c *reject) Run(ctx context.Context, t *cli.Terminal) error {
	return c.decide(ctx, t, "reject", func(h client.Hold) string {
		return fmt.Sprintf("Reject the newest outcomes of %s? %d devices keep the held ones.", render.Clean(h.Name), h.Devices)
	})
}

func (c *decision) decide(ctx context.Context, t *cli.Terminal, action string, question func(client.Hold) string) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	found, err := cl.Holds(nil).Find(ctx, c.Hold)
	if err != nil {
		return err
	}
	if err := c.Confirm(ctx, t, question(found.Value)); err != nil {
		return err
	}
	decided, err := cl.DecideHold(ctx, found.Value.ID, action, c.Reason)
	if err != nil {
		return err
	}
	return c.Show(t, decided, func(tab *render.Table) { rows(tab, decided.Value) })
}
