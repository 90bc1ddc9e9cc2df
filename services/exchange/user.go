package exchange

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/claims"
	"plumbline.dev/services/internal/policy"
)

// Bounds of a gateway's assertions about a person, in bytes.
const (
	maxNonce   = 64
	maxEmail   = 320
	maxCountry = 8
	maxCustom  = 4 << 10
)

// answerUser answers requests on access.exchange.user.
func (s *Service) answerUser(ctx context.Context, m *bus.Msg) proto.Message {
	var q proto.UserExchange
	if err := m.Decode(&q); err != nil || !m.AskedBy(topology.Gateway) {
		return s.refuseUser(policy.BadRequest)
	}
	if s.lags(q.ConfigRevision, 0) {
		s.metrics.users.WithLabelValues(proto.CodeLagging).Inc()
		return lagging()
	}
	answer, why := s.exchangeUser(ctx, &q)
	s.metrics.users.WithLabelValues(why.String()).Inc()
	if answer.Error != nil {
		s.log.Info("person's token denied", "application", q.Application, "policy", q.Policy, "user", q.User, "reason",
			why.String())
	}
	return answer
}

func (s *Service) refuseUser(why policy.Reason) *proto.TokenAnswer {
	s.metrics.users.WithLabelValues(why.String()).Inc()
	return refusedUser(why)
}

func refusedUser(why policy.Reason) *proto.TokenAnswer {
	if why == policy.BadRequest {
		return &proto.TokenAnswer{Error: badRequest(
			"The request for a person's token is malformed, or does not come from a gateway.")}
	}
	return &proto.TokenAnswer{Error: why.Refusal()}
}

func badRequest(sentence string) *proto.Error {
	return &proto.Error{Code: policy.BadRequest.String(), Message: sentence}
}

// exchangeUser issues a person's token. The gateway asserts the identity and that the policy admits the person;
// exchangeUser checks that the policy is an Allow policy of the application. A token valid for longer than
// [keys.Accepted] may outlive its key; the session then yields a new one.
func (s *Service) exchangeUser(ctx context.Context, q *proto.UserExchange) (*proto.TokenAnswer, policy.Reason) {
	now := s.clock.Now()
	if !plausible(q) {
		return refusedUser(policy.BadRequest), policy.BadRequest
	}
	if !q.Until.Time().After(now) {
		return refusedUser(policy.SessionEnded), policy.SessionEnded
	}
	c, life, why := s.userClaims(q, now)
	if why != policy.Allow {
		return refusedUser(why), why
	}
	set, err := s.keys.Current(ctx)
	if err != nil {
		s.log.Error("failed to sign a person's token", "application", q.Application, "err", err)
		return refusedUser(policy.Unavailable), policy.Unavailable
	}
	at := time.Unix(c.IssuedAt, 0)
	expires := expiry(at, min(life, topology.MaxSession), q.Until)
	c.Expires = expires.Unix()
	signed, err := s.issuer.sign(set.Signing(), c)
	if err != nil {
		s.log.Error("failed to issue a person's token", "application", q.Application, "err", err)
		return refusedUser(policy.Unavailable), policy.Unavailable
	}
	return &proto.TokenAnswer{Token: signed, ExpiresAt: proto.At(expires), Policy: q.Policy}, policy.Allow
}

// userClaims returns the claims of a person's token without its expiry, its life, and the reason if it must not be
// issued.
func (s *Service) userClaims(q *proto.UserExchange, now time.Time) (*userClaims, time.Duration, policy.Reason) {
	c := &userClaims{
		Issuer: s.cfg.TeamDomain, Subject: q.User.String(), Email: q.Email, Nonce: q.Session, Country: q.Country,
		Custom: q.Custom,
	}
	var life time.Duration
	var revoked proto.Millis
	if q.Application.IsZero() {
		c.Type, c.Audience = claims.TypeOrg, []string{claims.OrgAudience(q.Account)}
		life = sessionOf(0, s.catalog.Organization(q.Account).Value.SessionDuration)
	} else {
		app, ok := s.catalog.Application(q.Account, q.Application)
		if !ok {
			return nil, 0, policy.UnknownApplication
		}
		linked := slices.ContainsFunc(app.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == q.Policy })
		p, ok := s.catalog.Policy(q.Account, q.Policy)
		switch {
		case linked && !ok:
			return nil, 0, policy.MissingPolicy
		case !linked, p.Value.Decision != proto.DecisionAllow:
			return nil, 0, policy.PersonNotAdmitted
		}
		c.Type, c.Audience = claims.TypeApp, []string{app.Value.AUD}
		life, revoked = sessionOf(p.Value.SessionDuration, app.Value.SessionDuration), app.Value.Gate.RevokedAt
	}
	c.IssuedAt = issuedAt(now, revoked).Unix()
	c.NotBefore = now.Unix()
	return c, life, policy.Allow
}

// plausible checks the bounds of a gateway's assertions about a person.
func plausible(q *proto.UserExchange) bool {
	return !q.Account.IsZero() && !q.User.IsZero() && q.Application.IsZero() == q.Policy.IsZero() &&
		q.Session != "" && len(q.Session) <= maxNonce && strings.Trim(q.Session, nonceAlphabet) == "" &&
		len(q.Email) <= maxEmail && utf8.ValidString(q.Email) && len(q.Country) <= maxCountry &&
		utf8.ValidString(q.Country) &&
		(len(q.Custom) == 0 || object(q.Custom, maxCustom))
}

const nonceAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

// object reports whether data is one JSON object of at most most bytes.
func object(data []byte, most int) bool {
	return len(data) <= most && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && json.Valid(data)
}
