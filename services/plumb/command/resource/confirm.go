package resource

import (
	"context"
	"errors"

	"plumbline.dev/services/internal/cli"
)

// ErrNotConfirmed is returned if the user answered a question with no.
var ErrNotConfirmed = errors.New("nothing was changed")

// Confirmation is the flag of commands that ask before they delete something. They ask on a terminal only, so that
// scripts do not need the flag.
type Confirmation struct {
	Yes bool `short:"y" env:"-" help:"Do not ask for confirmation."`
}

// Confirm asks the question on a terminal and returns [ErrNotConfirmed] if the answer is no.
func (c *Confirmation) Confirm(ctx context.Context, t *cli.Terminal, question string) error {
	if c.Yes || !t.Interactive() {
		return nil
	}
	yes, err := t.Confirm(ctx, question)
	if err == nil && !yes {
		return ErrNotConfirmed
	}
	return err
}
