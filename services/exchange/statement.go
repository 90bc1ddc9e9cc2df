package exchange

import (
	"context"
	"net/url"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/claims"
	"plumbline.dev/services/internal/policy"
)

// Bounds of the contents of a statement, in bytes.
const (
	maxHostname = 255
	maxURL      = 4 << 10
	maxIdentity = 16 << 10
	maxQuestion = 256
)

// answerStatement answers requests on access.exchange.statement.
func (s *Service) answerStatement(ctx context.Context, m *bus.Msg) proto.Message {
	var q proto.Statement
	if err := m.Decode(&q); err != nil || !m.AskedBy(topology.Gateway) {
		return s.refuseStatement(policy.BadRequest)
	}
	if s.lags(q.ConfigRevision, 0) {
		s.metrics.statements.WithLabelValues(proto.CodeLagging).Inc()
		return lagging()
	}
	app, ok := s.catalog.Application(q.Account, q.Application)
	if !ok {
		return s.refuseStatement(policy.UnknownApplication)
	}
	if q.Kind == proto.StatementAnybody {
		return s.answerAnybody(ctx, &q, app)
	}
	now := s.clock.Now().Truncate(time.Second)
	c, expires := statementClaims(&q, app.Value, s.cfg.TeamDomain, now)
	if c == nil {
		return s.refuseStatement(policy.BadRequest)
	}
	set, err := s.keys.Current(ctx)
	if err != nil {
		s.log.Error("failed to sign a statement", "kind", q.Kind, "err", err)
		return s.refuseStatement(policy.Unavailable)
	}
	signed, err := s.issuer.sign(set.Signing(), c)
	if err != nil {
		s.log.Error("failed to issue a statement", "kind", q.Kind, "err", err)
		return s.refuseStatement(policy.Unavailable)
	}
	s.metrics.statements.WithLabelValues(string(q.Kind)).Inc()
	return &proto.TokenAnswer{Token: signed, ExpiresAt: proto.At(expires)}
}

func (s *Service) refuseStatement(why policy.Reason) *proto.TokenAnswer {
	s.metrics.statements.WithLabelValues("refused").Inc()
	if why == policy.BadRequest {
		return &proto.TokenAnswer{Error: badRequest("The statement is malformed, or does not come from a gateway.")}
	}
	return &proto.TokenAnswer{Error: why.Refusal()}
}

// statementClaims returns the claims and the expiry of a statement, or nil if the request is invalid.
func statementClaims(q *proto.Statement, app *proto.Application, team string,
	now time.Time) (c any, expires time.Time) {
	at := now.Unix()
	switch q.Kind {
	case proto.StatementMeta:
		if !hostname(q.Hostname) || len(q.RedirectURL) > maxURL {
			return nil, now
		}
		expires = now.Add(metaLife)
		return &metaClaims{Type: claims.TypeMeta, Audience: app.AUD, Hostname: q.Hostname, RedirectURL: q.RedirectURL,
			ServiceTokenStatus: q.ServiceTokenStatus, IssuedAt: at, NotBefore: at, Expires: expires.Unix(),
			AuthStatus: noAuth, MTLS: mtlsClaim{AuthStatus: noAuth}}, expires
	case proto.StatementMatch:
		if !hostname(q.Hostname) {
			return nil, now
		}
		// Clients accept one up to a day old.
		return &matchClaims{Type: claims.TypeMatch, Audience: app.AUD, Hostname: q.Hostname, AuthDomain: hostOf(team),
			AppHostname: appHostname(app, q.Hostname), IssuedAt: at}, now.Add(24 * time.Hour)
	case proto.StatementExternal:
		if !object(q.Identity, maxIdentity) || q.Nonce == "" || len(q.Nonce) > maxQuestion || !webURL(q.Audience) {
			return nil, now
		}
		expires = now.Add(externalLife)
		return &externalClaims{Type: claims.TypeExternal, Issuer: team, Audience: []string{q.Audience}, IssuedAt: at,
			NotBefore: at, Expires: expires.Unix(), Identity: q.Identity, Nonce: q.Nonce}, expires
	}
	return nil, now
}

// hostname reports whether s is acceptable as a host: text from a client without characters that no host has.
func hostname(s string) bool {
	return s != "" && len(s) <= maxHostname && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`/\"'<>`, r)
	})
}

// webURL reports whether s is the URL of a service. Such an audience never belongs to an application.
func webURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= maxURL && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

func hostOf(team string) string {
	u, err := url.Parse(team)
	if err != nil {
		return ""
	}
	return u.Host
}

// appHostname returns the application's first host without a wildcard; else the requested one.
func appHostname(app *proto.Application, asked string) string {
	for _, d := range app.Domains {
		if host, _, _ := strings.Cut(d, "/"); host != "" && !strings.Contains(host, "*") {
			return host
		}
	}
	return asked
}
