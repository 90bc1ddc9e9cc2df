package fetcher

import (
	"context"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/fetcher/scoring"
	"plumbline.dev/services/internal/egress"
)

const (
	probesAtOnce = 4
	probeRetries = 1
)

// answerProbes makes the calls of "Test and save" until ctx ends.
func (s *Service) answerProbes(ctx context.Context) error {
	return s.bus.Answer(ctx, bus.Endpoint{
		Subject: topology.AllProbes, Role: topology.Fetcher, Workers: probesAtOnce, Grace: s.cfg.Grace,
		Handle: func(ctx context.Context, m *bus.Msg) proto.Message { return s.probed(s.probe(ctx, m)) },
		Refuse: func(error) proto.Message {
			return s.probed(notProbed("The fetchers are busy; save again in a moment."), nil)
		},
	})
}

func (s *Service) probed(p proto.Poll, report *proto.ProbeReport) *proto.ProbeAnswer {
	s.metrics.probes.WithLabelValues(ended(p.Error)).Inc()
	p.Detail = p.Detail[:min(len(p.Detail), proto.MaxPollDetail)]
	return &proto.ProbeAnswer{Poll: p, Report: report}
}

func notProbed(sentence string) proto.Poll {
	return proto.Poll{Error: proto.ReasonAPIError, Detail: sentence}
}

// probe makes one call, with credentials not stored yet. It returns a report if the probe asks for one and the call
// could be prepared.
func (s *Service) probe(ctx context.Context, m *bus.Msg) (proto.Poll, *proto.ProbeReport) {
	ctx, cancel := s.untilAborted(ctx)
	defer cancel()
	var q proto.Probe
	if err := m.Decode(&q); err != nil {
		s.log.Error("a probe cannot be read", "subject", m.Subject, "err", err)
		return notProbed("The fetcher does not understand the request; api and fetchers should be of the same version."), nil
	}
	of := ref{topology.AccountOf(m.Subject), q.Integration}
	if _, _, err := s.integration(ctx, of, q.ConfigRevision); err != nil {
		return notProbed("The fetcher has not seen the newest configuration yet; save again in a moment."), nil
	}
	at, wrong := s.targets.make(of, q.APIURL, q.ClientID, q.SealedSecret)
	if wrong != nil {
		return proto.Poll{Error: wrong.reason, Detail: wrong.sentence}, nil
	}
	at.access, at.tokens = max(at.access, q.AccessRevision), q.TokensRevision
	var devices []proto.Device
	if q.Page != nil {
		devices = q.Page.Devices
	}
	body := newPayload()
	defer body.release()
	body.data = scoring.AppendRequest(body.data, devices)
	c := &call{caller: s.caller, at: at, body: body, asked: devices}
	retries := probeRetries
	if q.Report {
		// A new connection shows how connections are made. Only one attempt is made: it is the one described.
		fresh, err := egress.New(s.cfg.Egress)
		if err != nil {
			return notProbed("The fetcher's configuration cannot be used."), nil
		}
		defer fresh.CloseIdleConnections()
		c.fresh, c.record = fresh, &recorder{clock: s.clock, proxy: proxied(s.cfg.Egress),
			disclose: s.cfg.Egress.Discloses}
		retries = 0
	}
	poll, err := c.make(ctx, s.cfg.ProbeTimeout, retries)
	if err != nil {
		return notProbed("The fetcher is being stopped; save again in a moment."), nil
	}
	s.log.Info("probed a scoring API", "account", of.account, "integration", of.id, "host", at.url.Host, "reason",
		poll.Error, "status", poll.Status, "took", poll.Took)
	if !q.Report {
		return poll, nil
	}
	report := c.record.result()
	if report != nil && poll.Error == proto.ReasonNone {
		report.Result = &proto.Input{Poll: poll, Observations: c.answer.Observations}
	}
	return poll, report
}
