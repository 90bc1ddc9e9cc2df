package exchange

import (
	"context"
	"slices"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/catalog"
	"plumbline.dev/services/internal/credential"
	"plumbline.dev/services/internal/policy"
)

// maxCommonName bounds the common name of a certificate in a token, in bytes. X.509 allows 64 characters.
const maxCommonName = 256

// answerAnybody issues an application token for a request that a Service Auth policy admits without any identity. The
// gateway asserts that the policy holds; answerAnybody checks that the application has it.
func (s *Service) answerAnybody(ctx context.Context, q *proto.Statement,
	app catalog.Record[proto.Application]) *proto.TokenAnswer {
	p, there := s.catalog.Policy(q.Account, q.Policy)
	switch {
	case !slices.ContainsFunc(app.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == q.Policy }):
		return s.refuseStatement(policy.NoPolicyHolds)
	case !there:
		return s.refuseStatement(policy.MissingPolicy)
	case p.Value.Decision != proto.DecisionNonIdentity:
		return s.refuseStatement(policy.NoPolicyHolds)
	}
	set, err := s.keys.Current(ctx)
	if err != nil {
		s.log.Error("failed to sign an application token", "application", app.Value.ID, "err", err)
		return s.refuseStatement(policy.Unavailable)
	}
	signed, expires, err := s.issuer.service(set.Signing(), grant{
		kid: set.Signing().ID(), account: q.Account, app: app.Value.ID, appRevision: app.Revision, clientID: s.commonName(q),
		audience: app.Value.AUD, session: sessionOf(p.Value.SessionDuration, app.Value.SessionDuration),
		revoked: app.Value.Gate.RevokedAt,
	})
	if err != nil {
		s.log.Error("failed to issue an application token", "application", app.Value.ID, "err", err)
		return s.refuseStatement(policy.Unavailable)
	}
	s.metrics.statements.WithLabelValues(string(q.Kind)).Inc()
	return &proto.TokenAnswer{Token: signed, ExpiresAt: proto.At(expires), Policy: q.Policy}
}

// commonName returns the common name for a token; empty if it must not be included.
func (s *Service) commonName(q *proto.Statement) string {
	name := q.CommonName
	if len(name) > maxCommonName || !utf8.ValidString(name) {
		return ""
	}
	// A certificate must not turn its holder into the service with a Client ID.
	if credential.IsClientID(name) || s.tokens.Find(q.Account, name).ServiceToken != nil {
		return ""
	}
	return name
}
