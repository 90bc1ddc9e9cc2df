package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

func (s *Service) serviceTokenRoutes() []route {
	const all, one = accountPath + "/access/service_tokens", accountPath + "/access/service_tokens/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaServiceTokens, handle: s.listServiceTokens, zones: true},
		{method: http.MethodPost, path: all, of: areaServiceTokens, handle: s.createServiceToken, zones: true},
		{method: http.MethodGet, path: one, of: areaServiceTokens, handle: s.getServiceToken, zones: true},
		{method: http.MethodPut, path: one, of: areaServiceTokens, handle: s.updateServiceToken, zones: true},
		{method: http.MethodDelete, path: one, of: areaServiceTokens, handle: s.deleteServiceToken, zones: true},
		{method: http.MethodPost, path: one + "/refresh", of: areaServiceTokens, handle: s.refreshServiceToken},
		{method: http.MethodPost, path: one + "/rotate", of: areaServiceTokens, handle: s.rotateServiceToken},
	}
}

// serviceTokenView is a service token in an answer (api/README.md 2.3).
type serviceTokenView struct {
	ID            proto.ID `json:"id"`
	ClientID      string   `json:"client_id"`
	ClientSecret  string   `json:"client_secret,omitempty"`
	Name          string   `json:"name"`
	Duration      string   `json:"duration"`
	Version       int      `json:"client_secret_version"`
	PreviousUntil stamp    `json:"previous_client_secret_expires_at,omitzero"`
	Enabled       bool     `json:"enabled"`
	ExpiresAt     stamp    `json:"expires_at"`
	CreatedAt     stamp    `json:"created_at"`
	UpdatedAt     stamp    `json:"updated_at"`
	LastSeenAt    stamp    `json:"last_seen_at"`
}

// viewServiceToken shows the token of a key of TOKENS. secret is for the one answer that makes it.
func (s *Service) viewServiceToken(key string, t *proto.ServiceToken, secret string) serviceTokenView {
	return serviceTokenView{
		ID: t.ID, ClientID: t.ClientID, ClientSecret: secret, Name: t.Name, Duration: t.DurationText, Version: t.Version,
		PreviousUntil: stamp(t.PreviousUntil), Enabled: !t.Disabled, ExpiresAt: stamp(t.ExpiresAt),
		CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt), LastSeenAt: stamp(s.tokens.lastSeen(key)),
	}
}

// stamp is a moment in an answer: RFC 3339, null for never.
type stamp proto.Millis

func (t stamp) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	b := append(make([]byte, 0, len(`"2006-01-02T15:04:05.999999999Z"`)), '"')
	return append(proto.Millis(t).Time().AppendFormat(b, time.RFC3339Nano), '"'), nil
}

func (s *Service) listServiceTokens(ctx context.Context, c *call) (answer, error) {
	if err := s.freshTokens(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.tokens.list(c.account)
	if c.zoned() || filtered(q, "name", "search") {
		name, search := q.Get("name"), strings.ToLower(q.Get("search"))
		all = matching(all, func(t serviceToken) bool {
			return c.sees(t.Value.Zone) && (name == "" || t.Value.Name == name) &&
				(search == "" || hasText(t.Value.Name, search) || strings.Contains(t.Value.ClientID, search) || strings.Contains(t.Value.ID.String(), search))
		})
	}
	part, info, err := paged(q, all)
	if err != nil {
		return answer{}, err
	}
	views, err := listed(part, func(t serviceToken) basis { return basis{uint64(s.tokens.lastSeen(t.key))} },
		func(t serviceToken) any { return s.viewServiceToken(t.key, t.Value, "") })
	return answer{result: views, info: info}, err
}

func (s *Service) getServiceToken(ctx context.Context, c *call) (answer, error) {
	t, err := s.serviceToken(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewServiceToken(t.key, t.Value, ""), revision: t.Revision}, nil
}

// serviceToken finds the one that the path names.
func (s *Service) serviceToken(ctx context.Context, c *call) (serviceToken, error) {
	id, err := c.id("id", errNoServiceToken)
	if err != nil {
		return serviceToken{}, err
	}
	if err := s.freshTokens(ctx); err != nil {
		return serviceToken{}, err
	}
	t, found := s.tokens.get(c.account, id)
	if !found || !c.sees(t.Value.Zone) {
		return serviceToken{}, errNoServiceToken
	}
	return t, c.precondition(t.Revision)
}

// createServiceToken makes a token with new credentials, or brings along one that is in use elsewhere: then
// the body has its Client ID and Secret.
func (s *Service) createServiceToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	clientID, secret, err := broughtAlong(body)
	if err != nil {
		return answer{}, err
	}
	if clientID == "" {
		clientID, secret = credential.NewClientID(), credential.NewServiceSecret()
	}
	now := proto.At(s.clock.Now())
	t := proto.ServiceToken{
		ID: proto.NewID(), ClientID: clientID, SecretHash: credential.Hash(secret), Version: 1,
		DurationText: defaultTokenDuration, CreatedAt: now, Zone: c.zone,
	}
	if !body.has("name") {
		return answer{}, invalid("name is required")
	}
	if _, err := applyServiceToken(&t, body, now); err != nil {
		return answer{}, err
	}
	key, err := topology.ServiceTokenKey(c.account, t.ClientID)
	if err != nil {
		return answer{}, err
	}
	revision, err := s.putToken(ctx, c.account, key, &t, 0)
	if errors.Is(err, bus.ErrConflict) {
		return answer{}, refuse(http.StatusConflict, codeConflict, "access.api.error.conflict: a service token with this client_id exists already")
	}
	if err == nil {
		s.sawToken(ctx, revision)
	}
	return answer{status: http.StatusCreated, result: s.viewServiceToken(key, &t, secret), revision: revision,
		messages: s.sameServiceTokenName(c, &t)}, err
}

// sawToken waits until a new token is seen here, so that rules about it that come next are not taken for rules about
// nothing. The token exists in any case.
func (s *Service) sawToken(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, viewTimeout)
	defer cancel()
	if err := s.tokens.AwaitRevision(ctx, revision); err != nil {
		s.log.Debug("a new service token is not seen yet", "err", err)
	}
}

// updateServiceToken changes what the body names and keeps the rest. A raised client_secret_version makes a
// new secret.
func (s *Service) updateServiceToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	rotated := false
	return s.changeServiceToken(ctx, c, func(t *proto.ServiceToken, now proto.Millis) (string, error) {
		raised, err := applyServiceToken(t, body, now)
		switch {
		case err != nil:
			return "", err
		case raised:
			rotated = true
			return newSecret(t, body, now)
		case rotated:
			// Somebody else raised it to the same version meanwhile: only they have the secret.
			return "", errConflict
		}
		return "", nil
	})
}

// changeServiceToken makes a change to the token that the path names, again if somebody else was first. The
// change gives the secret that it made, if it made one.
func (s *Service) changeServiceToken(ctx context.Context, c *call, change func(*proto.ServiceToken, proto.Millis) (string, error)) (answer, error) {
	for range attempts {
		old, err := s.serviceToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		t, now := *old.Value, proto.At(s.clock.Now())
		secret, err := change(&t, now)
		if err != nil {
			return answer{}, err
		}
		t.UpdatedAt = now
		revision, err := s.putToken(ctx, c.account, old.key, &t, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := answer{result: s.viewServiceToken(old.key, &t, secret), revision: revision}
		if t.Name != old.Value.Name {
			a.messages = s.sameServiceTokenName(c, &t)
		}
		return a, err
	}
	return answer{}, errConflict
}
