package api

import (
	"context"
	"encoding/json"
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
		{method: http.MethodGet, path: all, handle: s.listServiceTokens},
		{method: http.MethodPost, path: all, handle: s.createServiceToken},
		{method: http.MethodGet, path: one, handle: s.getServiceToken},
		{method: http.MethodPut, path: one, handle: s.updateServiceToken},
		{method: http.MethodDelete, path: one, handle: s.deleteServiceToken},
	}
}

// serviceTokenView is a service token in an answer (contract.md 2.3).
type serviceTokenView struct {
	ID           proto.ID `json:"id"`
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret,omitempty"`
	Name         string   `json:"name"`
	Duration     string   `json:"duration"`
	Version      int      `json:"client_secret_version"`
	Enabled      bool     `json:"enabled"`
	ExpiresAt    stamp    `json:"expires_at"`
	CreatedAt    stamp    `json:"created_at"`
	UpdatedAt    stamp    `json:"updated_at"`
	LastSeenAt   stamp    `json:"last_seen_at"`
}

func viewServiceToken(t *proto.ServiceToken) serviceTokenView {
	return serviceTokenView{
		ID: t.ID, ClientID: t.ClientID, Name: t.Name, Duration: t.DurationText, Version: t.Version,
		Enabled: !t.Disabled, ExpiresAt: stamp(t.ExpiresAt), CreatedAt: stamp(t.CreatedAt), UpdatedAt: stamp(t.UpdatedAt),
	}
}

// stamp is a moment in an answer: RFC 3339, null for never.
type stamp proto.Millis

func (t stamp) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(proto.Millis(t).Time().Format(time.RFC3339Nano))
}

func (s *Service) listServiceTokens(ctx context.Context, c *call) (answer, error) {
	if err := s.freshTokens(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.tokens.list(c.account)
	if filtered(q, "name", "search") {
		name, search := q.Get("name"), strings.ToLower(q.Get("search"))
		all = matching(all, func(t serviceToken) bool {
			return (name == "" || t.Value.Name == name) &&
				(search == "" || strings.Contains(strings.ToLower(t.Value.Name+" "+t.Value.ClientID+" "+t.Value.ID.String()), search))
		})
	}
	part, info, err := paged(q, all)
	views := make([]serviceTokenView, len(part))
	for i, t := range part {
		views[i] = viewServiceToken(t.Value)
	}
	return answer{result: views, info: info}, err
}

func (s *Service) getServiceToken(ctx context.Context, c *call) (answer, error) {
	t, err := s.serviceToken(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: viewServiceToken(t.Value), revision: t.Revision}, nil
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
	if !found {
		return serviceToken{}, errNoServiceToken
	}
	return t, c.precondition(t.Revision)
}

// Bounds of a service token's life (contract.md 2.2, 2.3). One that is for ever has an expiry all the same:
// clients do not take null.
const (
	defaultTokenDuration = "8760h"
	forever              = "forever"
	tokenForever         = 100 * 8766 * time.Hour
)

func (s *Service) createServiceToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	now := proto.At(s.clock.Now())
	secret := credential.NewServiceSecret()
	t := proto.ServiceToken{
		ID: proto.NewID(), ClientID: credential.NewClientID(), SecretHash: credential.Hash(secret), Version: 1,
		DurationText: defaultTokenDuration, CreatedAt: now,
	}
	if !body.has("name") {
		return answer{}, invalid("name is required")
	}
	if _, err := s.applyServiceToken(&t, body, now); err != nil {
		return answer{}, err
	}
	key, err := topology.ServiceTokenKey(c.account, t.ClientID)
	if err != nil {
		return answer{}, err
	}
	revision, err := s.conn.Put(ctx, topology.Tokens, key, &t, 0)
	if err != nil {
		return answer{}, err
	}
	view := viewServiceToken(&t)
	view.ClientSecret = secret
	return answer{status: http.StatusCreated, result: view, revision: revision}, nil
}

// updateServiceToken changes what the body names and keeps the rest. A raised client_secret_version makes a
// new secret; the one before is void at once.
func (s *Service) updateServiceToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	for range attempts {
		old, err := s.serviceToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		t := *old.Value
		rotate, err := s.applyServiceToken(&t, body, proto.At(s.clock.Now()))
		if err != nil {
			return answer{}, err
		}
		secret := ""
		if rotate {
			secret = credential.NewServiceSecret()
			t.SecretHash = credential.Hash(secret)
		}
		revision, err := s.conn.Put(ctx, topology.Tokens, old.key, &t, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		view := viewServiceToken(&t)
		view.ClientSecret = secret
		return answer{result: view, revision: revision}, err
	}
	return answer{}, errConflict
}

// applyServiceToken puts the members of a body into a token and tells whether its version was raised.
func (s *Service) applyServiceToken(t *proto.ServiceToken, body object, now proto.Millis) (raised bool, err error) {
	if body.has("name") {
		if t.Name, err = body.line("name"); err != nil {
			return false, err
		}
	}
	if t.Name == "" {
		return false, invalid("name must not be empty")
	}
	duration, err := body.text("duration")
	if err != nil {
		return false, err
	}
	if duration != "" || t.ExpiresAt == 0 {
		if duration != "" {
			t.DurationText = duration
		}
		if t.Duration, t.ExpiresAt, err = tokenLife(t.DurationText, now); err != nil {
			return false, err
		}
	}
	version, given, err := body.integer("client_secret_version", 0, 1<<31)
	if err != nil {
		return false, err
	}
	given = given && version > 0 // one of the clients sends 0 for none
	if given && version < t.Version {
		return false, invalid("client_secret_version is %d, it can only be raised", t.Version)
	}
	raised = given && version > t.Version
	if given {
		t.Version = version
	}
	if until, err := body.text("previous_client_secret_expires_at"); err != nil {
		return false, err
	} else if until != "" {
		if _, err := time.Parse(time.RFC3339, until); err != nil {
			return false, invalid("previous_client_secret_expires_at must be a time such as 2026-01-02T15:04:05Z")
		}
	}
	if enabled, given, err := body.boolean("enabled"); err != nil {
		return false, err
	} else if given {
		t.Disabled = !enabled
	}
	t.UpdatedAt = now
	return raised, nil
}

// tokenLife reads a service token's duration; a token that is for ever has duration 0.
func tokenLife(text string, now proto.Millis) (time.Duration, proto.Millis, error) {
	if text == forever {
		return 0, now.Add(tokenForever), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > tokenForever {
		return 0, 0, invalid(`duration must be such as "8760h" or "30m", at least 1s and at most 100 years, or "forever"`)
	}
	return d, now.Add(d), nil
}

// deleteServiceToken refuses while a policy names the token (contract.md 1.6).
func (s *Service) deleteServiceToken(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		t, err := s.serviceToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		for _, p := range s.catalog.Policies(c.account) {
			if namesToken(p.Value, t.Value.ID) {
				return answer{}, refuse(http.StatusBadRequest, codeTokenInUse,
					"access.api.error.service_token_in_use: the policy %q names this service token", p.Value.Name)
			}
		}
		err = s.conn.Delete(ctx, topology.Tokens, t.key, t.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return ok(viewServiceToken(t.Value)), err
	}
	return answer{}, errConflict
}

// namesToken tells whether a policy has a rule about the token.
func namesToken(p *proto.Policy, token proto.ID) bool {
	for _, rules := range [][]proto.Rule{p.Include, p.Require, p.Exclude} {
		for _, r := range rules {
			if r.Selector != "service_token" {
				continue
			}
			named, _ := stored(r.Body).text("token_id")
			if id, err := proto.ParseID(named); err == nil && id == token {
				return true
			}
		}
	}
	return false
}
