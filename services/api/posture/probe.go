package posture

import (
	"context"
	"errors"
	"net/http"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	v4 "plumbline.dev/services/api/v4"
)

// probe implements "Test and save" (api/README.md 5.4): a fetcher calls the scoring API without devices, with the
// credentials that are about to be stored. If the call fails, the change is rejected with the reason.
func (s *API) probe(ctx context.Context, a proto.Account, i *proto.Integration) error {
	q, err := s.probeOf(ctx, a, i)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.ProbeTimeout)
	defer cancel()
	var reply proto.ProbeAnswer
	err = s.askFetcher(ctx, topology.Probe(a), q, &reply)
	switch {
	case errors.Is(err, bus.ErrNoResponders):
		s.probes.WithLabelValues("no_fetcher").Inc()
		return noFetcher(err, "the scoring API could not be tested because no fetcher is running: start one, then save again")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, bus.ErrTimeout):
		s.probes.WithLabelValues("no_answer").Inc()
		return noFetcher(err, "the scoring API could not be tested: no fetcher reported within %v; save again",
			s.cfg.ProbeTimeout)
	case err != nil:
		return err
	}
	if reply.Poll.Error == proto.ReasonNone {
		s.probes.WithLabelValues("ok").Inc()
		return nil
	}
	s.probes.WithLabelValues(reply.Poll.Error.String()).Inc()
	why := reply.Poll.Detail
	if why == "" {
		why = reply.Poll.Error.String()
	}
	if reply.Poll.Error == proto.ReasonAuthFailed {
		return invalidIntegration("invalid credentials: %s", why)
	}
	return invalidIntegration("the scoring API did not pass the test (%s): %s", reply.Poll.Error, why)
}

// probeOf returns the request for a call to a scoring API. It names all configuration that was stored before, also by
// another replica, so that neither the fetcher nor the exchange decides by an older view.
func (s *API) probeOf(ctx context.Context, a proto.Account, i *proto.Integration) (*proto.Probe, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return nil, err
	}
	if err := s.store.FreshTokens(ctx); err != nil {
		return nil, err
	}
	return &proto.Probe{
		Integration: i.ID, APIURL: i.APIURL, ClientID: i.ClientID, SealedSecret: i.SealedSecret,
		ConfigRevision: s.store.Catalog.RevisionOf(topology.KindIntegration, topology.KindApplication),
		AccessRevision: s.store.Catalog.AccessRevision(), TokensRevision: s.store.Tokens.RevisionOf(a, i.ClientID),
	}, nil
}

// noFetcher returns an error that clients do not retry by themselves: an operator has to start a fetcher, and should
// learn so now instead of after minutes of retries.
func noFetcher(cause error, format string, args ...any) error {
	p := v4.Errorf(http.StatusServiceUnavailable, v4.CodeUnavailable, format, args...)
	p.Cause = cause
	return p
}

// Bounds of the wait for a fetcher that is restarting.
const (
	fetcherGrace = 3 * time.Second
	fetcherPause = 200 * time.Millisecond
)

func (s *API) askFetcher(ctx context.Context, subject string, ask, reply proto.Message) error {
	for waited := time.Duration(0); ; waited += fetcherPause {
		err := s.store.Conn.Request(ctx, subject, ask, reply)
		if !errors.Is(err, bus.ErrNoResponders) || waited >= fetcherGrace {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(fetcherPause):
		}
	}
}
