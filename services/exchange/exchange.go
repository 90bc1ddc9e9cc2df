package exchange

import (
	"context"
	"errors"
	"net/netip"

	"plumbline.dev/bus"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// answerService answers on access.exchange.service.
func (s *Service) answerService(_ context.Context, m *bus.Msg) proto.Message {
	start := s.clock.Now()
	var q proto.ServiceExchange
	if err := m.Decode(&q); err != nil {
		return s.refuse(policy.BadRequest)
	}
	answer, decided := s.exchange(&q)
	s.metrics.exchanges.WithLabelValues(decided.reason.String()).Inc()
	s.metrics.seconds.Observe(s.clock.Now().Sub(start).Seconds())
	return answer
}

// refuse counts a request about which nothing was decided.
func (s *Service) refuse(why policy.Reason) *proto.TokenAnswer {
	s.metrics.exchanges.WithLabelValues(why.String()).Inc()
	return &proto.TokenAnswer{Error: why.Refusal()}
}

func (s *Service) refuseService(err error) proto.Message {
	if errors.Is(err, bus.ErrOverloaded) {
		return s.refuse(policy.Busy)
	}
	return s.refuse(policy.Unavailable)
}

// decided is what came of a request, for the log.
type decided struct {
	reason   policy.Reason
	token    *proto.ServiceToken // nil: the Client ID is not known
	policy   proto.ID
	selector string
}

// exchange decides about a request, and takes note of the decision where its Client ID is known.
func (s *Service) exchange(q *proto.ServiceExchange) (*proto.TokenAnswer, decided) {
	answer, d := s.decide(q)
	log := s.log.With("application", q.Application, "reason", d.reason.String())
	if d.token == nil {
		// What was sent as a Client ID may be a secret that was put in the wrong place.
		log.Debug("service credentials refused")
		return answer, d
	}
	log = log.With("token", d.token.ID, "client_id", d.token.ClientID, "policy", d.policy)
	if answer.Error == nil {
		log.Debug("service credentials exchanged")
	} else {
		log.Info("service credentials refused", "selector", d.selector)
	}
	s.recorder.Record(q.Account, proto.Authentication{
		At: proto.At(s.clock.Now()), Application: q.Application, Allowed: answer.Error == nil, Reason: d.reason.String(),
		Policy: d.policy, ClientID: d.token.ClientID, TokenID: d.token.ID, IP: q.IP,
		Action: proto.ActionService,
	})
	return answer, d
}

// decide takes a request through the stages. Every way out but the last refuses.
func (s *Service) decide(q *proto.ServiceExchange) (*proto.TokenAnswer, decided) {
	d := decided{reason: policy.BadRequest}
	refusal := func(why policy.Reason) (*proto.TokenAnswer, decided) {
		d.reason = why
		return &proto.TokenAnswer{Error: servicetoken.Answered(why).Refusal()}, d
	}
	ip, err := netip.ParseAddr(q.IP)
	if q.Account.IsZero() || q.Application.IsZero() || q.ClientID == "" || q.ClientSecret == "" || (q.IP != "" && err != nil) {
		return refusal(policy.BadRequest)
	}
	token := s.tokens.Find(q.Account, q.ClientID)
	d.token = token.ServiceToken
	if why, ok := servicetoken.Authenticate(q.ClientSecret, token.ServiceToken, s.clock.Now()); !ok {
		return refusal(why)
	}
	app, ok := s.catalog.Application(q.Account, q.Application)
	if !ok {
		return refusal(policy.UnknownApplication)
	}
	decision := policy.DecideService(s.rules.Of(app), &policy.Facts{ServiceToken: token.ID, IP: ip})
	d.policy, d.selector = decision.Policy, decision.Selector
	if !decision.Admitted() {
		return refusal(decision.Reason)
	}
	current := s.signing.Load()
	if current == nil {
		return refusal(policy.Unavailable)
	}
	signed, expires, err := s.issuer.token(grant{
		key: current.key, account: q.Account, token: token.ID, tokenRevision: token.Revision, app: app.Value.ID,
		appRevision: app.Revision, clientID: token.ClientID, audience: app.Value.AUD,
		session: sessionOf(decision.SessionDuration, app.Value.SessionDuration), expires: token.ExpiresAt,
	})
	if err != nil {
		s.log.Error("cannot make an application token", "application", app.Value.ID, "err", err)
		return refusal(policy.Unavailable)
	}
	d.reason = decision.Reason
	return &proto.TokenAnswer{Token: signed, ExpiresAt: proto.At(expires), Policy: decision.Policy}, d
}
