package keys

import (
	"context"
	"errors"
	"fmt"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
)

// The codes of rejected commands.
const (
	CodeInterval  = "invalid_interval"
	CodeRotations = "too_many_rotations"
	CodeLater     = "unavailable"
)

// Command carries out a command and returns the resulting state of the keys. A rotation takes effect at once if the
// next key has been published for [Lead], and otherwise as soon as it has. One rotation satisfies all concurrent
// commands.
func (r *KeySet) Command(ctx context.Context, q *proto.KeysCommand) *proto.KeysAnswer {
	unavailable := &proto.KeysAnswer{Error: &proto.Error{Code: CodeLater,
		Message: "The signing keys cannot be managed now. Try again in a second."}}
	var began uint64
	for ctx.Err() == nil {
		s, err := r.confirm(ctx)
		if err != nil {
			r.log.Warn("command for signing keys failed", "err", err)
			return unavailable
		}
		if s.rotation == nil { // a new installation
			pause(ctx, retryWait/10)
			continue
		}
		if began == 0 {
			began = s.rotation.Current
		}
		now := r.clock.Now()
		write, refusal := carryOut(q, s, now, s.rotation.Current > began)
		if refusal != nil {
			return &proto.KeysAnswer{Error: refusal}
		}
		if write == nil {
			return standing(s, now)
		}
		err = r.do(ctx, s, step{write: write})
		switch {
		case err == nil:
			q = &proto.KeysCommand{} // read the new state
		case !errors.Is(err, bus.ErrConflict):
			r.log.Warn("command for signing keys failed", "err", err)
			return unavailable
		}
	}
	return unavailable
}

// carryOut returns the rotation record requested by a command, nil if it changes nothing, or the reason for rejecting
// the command.
func carryOut(q *proto.KeysCommand, s *state, now time.Time, rotated bool) (*proto.KeyRotation, *proto.Error) {
	if up := s.upcoming(); q.Rotate && up != nil && up.unreadable || s.obscure != nil && !bus.IsPermanent(s.obscure) {
		return nil, &proto.Error{Code: CodeLater,
			Message: "The records of the signing keys cannot be read by this version. Repair them, or run the version that " +
				"wrote them."}
	}
	write, changed := *s.rotation, false
	if q.IntervalDays != 0 && (q.IntervalDays < MinInterval || q.IntervalDays > MaxInterval) {
		return nil, &proto.Error{Code: CodeInterval,
			Message: fmt.Sprintf("Signing keys can rotate every %d to %d days, not every %d. Ask for another interval.",
				MinInterval, MaxInterval, q.IntervalDays)}
	}
	if q.Rotate && !rotated {
		switch {
		case len(accepted(s.rotation, now)) >= maxPrevious:
			return nil, &proto.Error{Code: CodeRotations,
				Message: fmt.Sprintf(
					"Signing keys were rotated %d times within %d days, and all of them are still accepted. "+
						"Try again when the oldest has expired.",
					maxPrevious, int(Accepted/day))}
		case !now.Before(usable(s.upcoming(), now)):
			write, changed = *promoted(s, now), true
		case !write.Wanted:
			write.Wanted, changed = true, true
		}
	}
	if q.IntervalDays != 0 && q.IntervalDays != write.IntervalDays {
		write.IntervalDays, changed = q.IntervalDays, true
	}
	if !changed {
		return nil, nil
	}
	return &write, nil
}

// standing returns the state of the keys for the API (api/README.md 8.1).
func standing(s *state, now time.Time) *proto.KeysAnswer {
	return &proto.KeysAnswer{IntervalDays: s.rotation.IntervalDays, LastRotation: s.rotation.Since,
		NextRotation: proto.At(rotation(s, now))}
}

// Answer answers requests on access.keys.
func (r *KeySet) Answer(ctx context.Context, m *bus.Msg) proto.Message {
	var q proto.KeysCommand
	if err := m.Decode(&q); err != nil {
		return &proto.KeysAnswer{Error: &proto.Error{Code: "bad_request", Message: "The command cannot be read."}}
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	return r.Command(ctx, &q)
}

// Refuse answers requests on access.keys when the endpoint is overloaded.
func (r *KeySet) Refuse(error) proto.Message {
	return &proto.KeysAnswer{Error: &proto.Error{Code: CodeLater,
		Message: "Too many commands are waiting. Try again in a second."}}
}

// Endpoint returns the endpoint for commands.
func (r *KeySet) Endpoint() bus.Endpoint {
	return bus.Endpoint{Subject: topology.KeysCommands, Role: topology.Exchange, Handle: r.Answer, Refuse: r.Refuse}
}
