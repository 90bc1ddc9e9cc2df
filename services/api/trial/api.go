package trial

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/device"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/overview"
)

// Bounds of the trials that one replica runs at once.
const (
	newestAtOnce = 2
	pastAtOnce   = 1
)

// Drafts reads rules without storing them.
type Drafts interface {
	// Draft returns the rule that a body would save: a new one if old is nil, else old with the members of the body.
	Draft(a proto.Account, body v4.Object, old *proto.Check) (proto.Check, error)
}

// Deps are the dependencies of the API.
type Deps struct {
	Store    *store.Store
	Device   *device.API
	Streams  *v4.Streams
	Drafts   Drafts
	Overview *overview.Overview
}

// API serves trials. It is safe for concurrent use.
type API struct {
	Deps
	newest, past chan struct{} // a place for each trial under way
}

// New returns the API of trials.
func New(d Deps) *API {
	return &API{Deps: d, newest: make(chan struct{}, newestAtOnce), past: make(chan struct{}, pastAtOnce)}
}

// Routes returns the route of trials.
func (s *API) Routes() []v4.Route {
	return []v4.Route{{Method: http.MethodPost, Path: v4.AccountPath + "/plumbline/checks/try", Scope: permission.Results,
		Also: []v4.Permission{{Scope: permission.Posture}}, Reads: true, Bounded: true, Stream: s.try}}
}

// try answers a trial.
func (s *API) try(w http.ResponseWriter, c *v4.Call) error {
	q, err := readRequest(c.Payload)
	if err != nil {
		return err
	}
	if err := s.Store.Fresh(c.Context()); err != nil {
		return err
	}
	e, err := s.edit(c.Account, &q)
	if err != nil {
		return err
	}
	now := s.Store.Clock.Now()
	if q.since != nil {
		times, err := q.times(now)
		if err != nil {
			return err
		}
		return s.tryPast(w, c, &e, times)
	}
	result, err := s.tryNewest(c.Context(), &e, q.limit, proto.At(now))
	if err != nil {
		return err
	}
	answer, err := s.answer(c.Context(), &e, result, proto.At(now))
	if err != nil {
		return err
	}
	return answer.Write(w)
}

// Flips returns the number of devices whose outcome an edit of a check would flip, and the number of devices. It
// returns an error if an entry is unreadable, because the number of flips is unknown then.
func (s *API) Flips(ctx context.Context, a proto.Account, edited, old *proto.Check) (flips, devices int, err error) {
	e := edit{account: a, check: edited, old: old}
	r, err := s.tryNewest(ctx, &e, 0, proto.At(s.Store.Clock.Now()))
	if err != nil {
		return 0, 0, err
	}
	if notices := r.unreadable.Notices(); len(notices) > 0 {
		return 0, 0, v4.Errorf(http.StatusConflict, v4.CodeConflict,
			"the outcomes that the change would flip are unknown: %s", notices[0].Message)
	}
	return r.counts.Flipping(), r.counts.Devices, nil
}

// acquire waits until a trial of a kind may run. The caller calls done when the trial ends.
func acquire(ctx context.Context, places chan struct{}) (done func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
