package command

import (
	"context"
	"errors"

	"plumbline.dev/services/internal/cli"
)

// errNotConfirmed is returned if a person answered a question with no.
var errNotConfirmed = errors.New("nothing was changed")

// confirmation is the flag of commands that ask before they delete something. They ask on a terminal only: a script
// has nobody to ask.
type confirmation struct {
	Yes bool `short:"y" env:"-" help:"Do not ask for confirmation."`
}

func (c *confirmation) confirm(ctx context.Context, t *cli.Terminal, question string) error {
	if c.Yes || !t.Interactive() {
		return nil
	}
	yes, err := t.Confirm(ctx, question)
	if err == nil && !yes {
		return errNotConfirmed
	}
	return err
}
