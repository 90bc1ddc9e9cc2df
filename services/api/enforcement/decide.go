package enforcement

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// decide returns the handler of a person's decision: [proto.HoldReleased] or [proto.HoldRejected]. It tries again after
// a lost race: the evaluator updates a standing hold when further pages join it. If another person decided first, the
// error contains the hold's state.
func (s *API) decide(to proto.HoldState) func(context.Context, *v4.Call) (v4.Response, error) {
	return func(ctx context.Context, c *v4.Call) (v4.Response, error) {
		reason, err := readReason(c)
		if err != nil {
			return v4.Response{}, err
		}
		for range store.MaxAttempts {
			old, err := s.namedHold(ctx, c)
			if err != nil {
				return v4.Response{}, err
			}
			next, ok := old.Value.Decide(to, c.Author(), reason, proto.At(s.store.Clock.Now()))
			if !ok {
				return v4.Response{}, decided(old.Value)
			}
			revision, err := s.store.PutHold(ctx, c.Account, next, store.PriorOf(old))
			if errors.Is(err, bus.ErrConflict) {
				continue
			}
			if err != nil {
				return v4.Response{}, err
			}
			return v4.Response{Result: s.viewHold(c.Account, next), Revision: revision}, nil
		}
		return v4.Response{}, v4.ErrConflict
	}
}

// readReason reads the reason of a decision.
func readReason(c *v4.Call) (string, error) {
	body, err := c.Object()
	if err != nil {
		return "", err
	}
	reason, err := body.Text("reason")
	if err != nil {
		return "", err
	}
	if err := proto.ValidateReason(reason); err != nil {
		return "", v4.Invalid("%v", err)
	}
	return reason, nil
}

// decided returns the error for a hold that its state does not allow to be released or rejected.
func decided(h *proto.Hold) error {
	says := "the hold is " + string(h.State)
	switch {
	case h.State == proto.HoldEnded:
		says = "the hold has ended: a later poll was within the limits, an edit of the check or its breaker ended it, or " +
			"the observe switch did"
	case h.State == proto.HoldExpired:
		says += ": its time is over, and the safe side applies in place of the held outcomes; it can only be released"
	case h.By == "" && h.Reason != "":
		says += " already: " + h.Reason
	default:
		says += " already, by " + h.By + " at " + h.DecidedAt.Time().UTC().Format(time.RFC3339)
	}
	return v4.Errorf(http.StatusConflict, v4.CodeConflict, "%s", says).WithDetail(decidedDetail{h.ID, h.State, h.By,
		v4.Timestamp(h.DecidedAt)})
}

// decidedDetail is the detail of the error for a hold that does not allow a decision.
type decidedDetail struct {
	ID        proto.ID        `json:"id"`
	State     proto.HoldState `json:"state"`
	By        string          `json:"by"`
	DecidedAt v4.Timestamp    `json:"decided_at"`
}
