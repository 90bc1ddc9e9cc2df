package hold

import (
	"context"
	"fmt"
	"strings"

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
	return "Exit code 5: the hold is over, another person has released it, or it has changed since the command read it; " +
		"the message has its state."
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
		"over. Exit code 5: the hold is over, expired, or rejected already, or it has changed since the command read it; " +
		"the message has its state."
}

// Run rejects a hold, after a question on a terminal.
func (c *reject) Run(ctx context.Context, t *cli.Terminal) error {
	return c.decide(ctx, t, "reject", func(h client.Hold) string {
		return fmt.Sprintf("Reject the newest outcomes of %s? %d devices keep the held ones.",
			render.Clean(h.Name), h.Devices)
	})
}

// maxRevisions is how many revisions of a hold a decision is sent for at most. Each poll is a new one.
const maxRevisions = 8

// decide sends a decision about the hold as it was read. If the hold has changed by then, it asks again; without a
// terminal, or with --yes, it returns an error with the new state.
func (c *decision) decide(ctx context.Context, t *cli.Terminal, action string,
	question func(client.Hold) string) error {
	cl, err := c.Client()
	if err != nil {
		return err
	}
	hold, err := cl.CurrentHold(ctx, c.Hold)
	if err != nil {
		return err
	}
	if err := c.Confirm(ctx, t, question(hold.Value)); err != nil {
		return err
	}
	for range maxRevisions {
		decided, stale := cl.DecideHold(ctx, hold.Value.ID, hold.Revision, action, c.Reason)
		if stale == nil {
			return c.Show(t, decided, func(tab *render.Table) { rows(tab, decided.Value) })
		}
		if !client.IsStale(stale) {
			return stale
		}
		asked := hold.Value
		if hold, err = cl.Holds(nil).Get(ctx, asked.ID); err != nil {
			return err
		}
		if hold.Value.SameDecision(asked) {
			continue
		}
		if c.Yes || !t.Interactive() {
			return fmt.Errorf("%w; nothing was decided: %s", stale, news(hold.Value))
		}
		fmt.Fprintln(t.Err, news(hold.Value))
		if err := c.Confirm(ctx, t, question(hold.Value)); err != nil {
			return err
		}
	}
	return cli.Exit(cli.ExitConflict, fmt.Errorf("the hold of %s changes too fast: nothing was decided, try again",
		render.Clean(hold.Value.Name)))
}

// news describes a hold that has changed since it was read.
func news(h client.Hold) string {
	return fmt.Sprintf("the hold of %s has changed, it is now %s (%s): %d devices on %d pages, would lose %s, "+
		"would gain %s", render.Clean(h.Name), h.State, strings.Join(h.Directions, ", "), h.Devices, h.Pages, lost(h),
		gained(h))
}
