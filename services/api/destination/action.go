package destination

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// maxSecrets is the number of secrets that sign a message at once.
const maxSecrets = 3

// change applies a change to the destination that the path names, and tries again after a lost race.
func (s *API) change(ctx context.Context, c *v4.Call,
	change func(d *proto.Destination, now proto.Millis) (secret string, err error)) (v4.Response, error) {
	for range store.MaxAttempts {
		old, err := s.kind.Named(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		d, now := *old.Value, proto.At(s.store.Clock.Now())
		secret, err := change(&d, now)
		if err != nil {
			return v4.Response{}, err
		}
		d.UpdatedAt = now
		revision, err := s.store.Put(ctx, c.Account, topology.KindDestination, d.ID, &d,
			store.PriorOf[proto.Destination, *proto.Destination](old))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.Response{Result: withSecret{s.view(c.Account, &d), secret}, Revision: revision}, err
	}
	return v4.Response{}, v4.ErrConflict
}

// optional reads the body of an action that needs none.
func optional(c *v4.Call) (v4.Object, error) {
	if len(c.Payload) == 0 {
		return v4.Object{}, nil
	}
	return c.Object()
}

// rotate gives a destination another secret. Messages are signed with the former one, too, for a time.
func (s *API) rotate(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := optional(c)
	if err != nil {
		return v4.Response{}, err
	}
	keep, err := overlap(body)
	if err != nil {
		return v4.Response{}, err
	}
	if len(s.cfg.SealTo) == 0 {
		return v4.Response{}, v4.Invalid("the secret cannot be stored: the control plane has no dispatcher's recipient " +
			"(--seal-dispatcher)")
	}
	return s.change(ctx, c, func(d *proto.Destination, now proto.Millis) (string, error) {
		var kept []proto.DestinationSecret
		for _, old := range d.Secrets {
			if old.Until == 0 || now.Add(keep) < old.Until {
				old.Until = now.Add(keep)
			}
			if now < old.Until && len(kept) < maxSecrets-1 {
				kept = append(kept, old)
			}
		}
		d.Secrets = kept
		return s.newSecret(body, d)
	})
}

// replay has the messages since a time sent again.
func (s *API) replay(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	text, err := body.Text("since")
	if err != nil {
		return v4.Response{}, err
	}
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return v4.Response{}, v4.Invalid("since must be a time such as 2026-01-31T08:00:00Z")
	}
	if since.After(s.store.Clock.Now()) || since.Year() < 2000 {
		return v4.Response{}, v4.Invalid("since must be a time in the past")
	}
	return s.change(ctx, c, func(d *proto.Destination, _ proto.Millis) (string, error) {
		d.Replays++
		d.ReplayFrom = proto.At(since)
		return "", nil
	})
}

// test has a dispatcher send a test message, once.
func (s *API) test(ctx context.Context, c *v4.Call) (v4.Response, error) {
	r, err := s.kind.Named(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.TestTimeout)
	defer cancel()
	var result proto.DestinationTestResult
	err = s.store.Conn.Request(ctx, topology.DestinationTest(c.Account),
		&proto.DestinationTest{Destination: r.Value.ID, Revision: r.Revision, By: c.Author()}, &result)
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		return v4.Response{}, noDispatcher(err, "the destination could not be tested because no dispatcher is running")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, bus.ErrTimeout):
		return v4.Response{}, noDispatcher(err, "the destination could not be tested: no dispatcher reported in time")
	case err != nil:
		return v4.Response{}, err
	}
	return v4.Response{Result: testView{Delivered: result.Error == "", Event: result.Event, Status: result.Status,
		TookMS: result.Took.Milliseconds(), Error: result.Error}}, nil
}

func noDispatcher(cause error, text string) error {
	e := v4.Errorf(http.StatusServiceUnavailable, v4.CodeUnavailable, "%s", text)
	e.Cause = cause
	return e
}
