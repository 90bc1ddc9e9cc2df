package exchange

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/internal/servicetoken"
)

// answerService answers requests on access.exchange.service.
func (s *Service) answerService(ctx context.Context, m *bus.Msg) proto.Message {
	start := s.clock.Now()
	var q proto.ServiceExchange
	if err := m.Decode(&q); err != nil {
		return s.refuse(policy.BadRequest)
	}
	if s.lags(q.ConfigRevision, q.TokensRevision) {
		s.metrics.exchanges.WithLabelValues(proto.CodeLagging).Inc()
		return lagging()
	}
	answer, decided := s.exchange(ctx, &q, m.AskedBy(topology.Gateway))
	if decided.reason == policy.Undecided {
		s.metrics.exchanges.WithLabelValues(proto.CodeLagging).Inc()
		return answer
	}
	s.metrics.exchanges.WithLabelValues(decided.reason.String()).Inc()
	s.metrics.seconds.Observe(s.clock.Now().Sub(start).Seconds())
	return answer
}

// refuse counts a request without a decision.
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

// decided is the outcome of a request, for the log.
type decided struct {
	reason   policy.Reason
	token    *proto.ServiceToken // nil: unknown Client ID
	policy   proto.ID
	selector string
}

// exchange decides about a request, and records the decision if the Client ID is known. A gateway records its own
// requests, because it knows the host, the device and the request id, so that ACCESS_LOG contains each request once.
// The reason is [policy.Undecided] if the views lag.
func (s *Service) exchange(ctx context.Context, q *proto.ServiceExchange, gateway bool) (*proto.TokenAnswer, decided) {
	if !gateway {
		q.Vouched = nil
	}
	answer, d := s.decide(ctx, q)
	if !gateway && q.ConfigRevision != 0 && s.outdated(ctx, q, d) {
		return lagging(), decided{}
	}
	s.tell(ctx, q, &d, answer.Error == nil, gateway)
	if d.token == nil {
		return answer, d
	}
	if !gateway {
		s.recorder.Record(q.Account, proto.Authentication{
			At: proto.At(s.clock.Now()), Application: q.Application, Allowed: answer.Error == nil, Reason: d.reason.String(),
			Policy: d.policy, ClientID: d.token.ClientID, TokenID: d.token.ID, IP: q.IP,
			Action: proto.ActionService,
		})
	}
	return answer, d
}

// tell logs a decision: denials of known tokens at info, all others at debug level.
func (s *Service) tell(ctx context.Context, q *proto.ServiceExchange, d *decided, admitted, gateway bool) {
	level, what := slog.LevelDebug, "service credentials exchanged"
	switch {
	case d.token != nil && !admitted:
		level, what = slog.LevelInfo, "service credentials denied"
	case d.token == nil:
		what = "service credentials denied"
	}
	if !s.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{slog.Any("application", q.Application), slog.String("reason", d.reason.String()),
		slog.Bool("gateway", gateway)}
	if d.token != nil {
		// An unknown Client ID may be a misplaced secret, so it is not logged.
		attrs = append(attrs, slog.Any("token", d.token.ID), slog.String("client_id", d.token.ClientID),
			slog.Any("policy", d.policy), slog.String("selector", d.selector))
	}
	s.log.LogAttrs(ctx, level, what, attrs...)
}

// decide takes a request through the stages.
func (s *Service) decide(ctx context.Context, q *proto.ServiceExchange) (*proto.TokenAnswer, decided) {
	d := decided{reason: policy.BadRequest}
	refusal := func(why policy.Reason) (*proto.TokenAnswer, decided) {
		d.reason = why
		return &proto.TokenAnswer{Error: servicetoken.Answered(why).Refusal()}, d
	}
	ip, err := netip.ParseAddr(q.IP)
	if q.Account.IsZero() || q.Application.IsZero() || q.ClientID == "" || q.ClientSecret == "" ||
		(q.IP != "" && err != nil) {
		return refusal(policy.BadRequest)
	}
	token := s.tokens.Find(q.Account, q.ClientID)
	d.token = token.ServiceToken
	now := s.clock.Now()
	if why, ok := servicetoken.Authenticate(q.ClientSecret, token.ServiceToken, now); !ok {
		return refusal(why)
	}
	s.seen.Note(q.Account, token.ClientID, now)
	app, ok := s.catalog.Application(q.Account, q.Application)
	if !ok {
		return refusal(policy.UnknownApplication)
	}
	decision := policy.DecideService(s.rules.Of(app), facts(token.ID, ip, q.Vouched))
	d.policy, d.selector = decision.Policy, decision.Selector
	if !decision.Admitted() {
		return refusal(decision.Reason)
	}
	set, err := s.keys.Current(ctx)
	if err != nil {
		s.log.Error("failed to sign an application token", "application", app.Value.ID, "err", err)
		return refusal(policy.Unavailable)
	}
	signed, expires, err := s.issuer.service(set.Signing(), grant{
		kid: set.Signing().ID(), account: q.Account, token: token.ID, tokenRevision: token.Revision, app: app.Value.ID,
		appRevision: app.Revision, clientID: token.ClientID, audience: app.Value.AUD,
		session: sessionOf(decision.SessionDuration, app.Value.SessionDuration), expires: token.ExpiresAt,
		revoked: app.Value.Gate.RevokedAt,
	})
	if err != nil {
		s.log.Error("failed to issue an application token", "application", app.Value.ID, "err", err)
		return refusal(policy.Unavailable)
	}
	d.reason = decision.Reason
	return &proto.TokenAnswer{Token: signed, ExpiresAt: proto.At(expires), Policy: decision.Policy}, d
}

// facts returns the known facts about a request: its credentials, and the facts vouched for by a gateway.
func facts(token proto.ID, ip netip.Addr, v *proto.Vouched) *policy.Facts {
	f := &policy.Facts{ServiceToken: token, IP: ip}
	if v == nil {
		return f
	}
	f.Certificate, f.CommonName = v.Certificate, v.CommonName
	if !v.Device.IsZero() {
		f.Posture = func(check proto.ID) proto.Outcome {
			for _, p := range v.Postures {
				if p.Check == check {
					return p.Outcome
				}
			}
			return proto.OutcomeUnknown
		}
	}
	return f
}
