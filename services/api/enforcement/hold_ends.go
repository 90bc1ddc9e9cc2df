package enforcement

import (
	"context"
	"errors"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/internal/catalog"
)

// removeHolds deletes the records of holds that are over and whose check is gone or has moved to another integration:
// no later hold would replace them. The audit log keeps what they were.
func (e *ends) removeHolds(ctx context.Context) {
	past := slices.DeleteFunc(e.store.Holds.All(), e.isCurrent)
	if len(past) == 0 {
		return
	}
	if err := e.store.Fresh(ctx); err != nil { // the check may be newer than the view
		e.fail(err)
		return
	}
	for _, r := range slices.DeleteFunc(past, e.isCurrent) {
		if ctx.Err() != nil {
			return
		}
		err := e.store.RemoveHold(ctx, r.Account, r.Value, store.PriorOf(r))
		if errors.Is(err, bus.ErrConflict) { // another replica was first
			continue
		}
		if e.fail(err); isUnreachable(err) {
			return
		}
	}
}

// isCurrent reports whether a hold is open, or its integration still evaluates its check.
func (e *ends) isCurrent(r catalog.Record[proto.Hold]) bool {
	check, found := e.store.Catalog.Check(r.Account, r.Value.Check)
	return !r.Value.State.Over() || found && check.Value.Integration == r.Value.Integration
}
