package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// The tokens of this API, in the shape of Cloudflare's account-owned ones.
func (s *Service) apiTokenRoutes() []route {
	const all, one = accountPath + "/tokens", accountPath + "/tokens/{id}"
	return []route{
		{method: http.MethodGet, path: all, of: areaAPITokens, handle: s.listAPITokens},
		{method: http.MethodPost, path: all, of: areaAPITokens, handle: s.createAPIToken},
		{method: http.MethodGet, path: one, of: areaAPITokens, handle: s.getAPIToken},
		{method: http.MethodPut, path: one, of: areaAPITokens, handle: s.updateAPIToken},
		{method: http.MethodDelete, path: one, of: areaAPITokens, handle: s.deleteAPIToken},
		{method: http.MethodPut, path: one + "/value", of: areaAPITokens, handle: s.rollAPIToken},
		{method: http.MethodGet, path: all + "/verify", of: areaOwn, handle: s.verifyAPIToken},
		{method: http.MethodGet, path: all + "/permission_groups", of: areaAPITokens, handle: s.listPermissionGroups},
		{method: http.MethodGet, path: "/client/v4/user/tokens/verify", of: areaOwn, handle: s.verifyAPIToken},
	}
}

func (s *Service) listAPITokens(ctx context.Context, c *call) (answer, error) {
	if err := s.freshTokens(ctx); err != nil {
		return answer{}, err
	}
	q := c.URL.Query()
	all := s.tokens.listAPI(c.account)
	switch q.Get("direction") {
	case "", "asc":
	case "desc":
		slices.Reverse(all)
	default:
		return answer{}, invalid("direction must be asc or desc")
	}
	part, info, err := paged(q, all)
	views := make([]apiTokenView, len(part))
	for n, t := range part {
		views[n] = s.viewAPIToken(c.account, t.Value, "")
	}
	return answer{result: views, info: info}, err
}

// apiToken finds the one that the path names.
func (s *Service) apiToken(ctx context.Context, c *call) (apiToken, error) {
	id, err := c.id("id", errNoAPIToken)
	if err == nil {
		err = s.freshTokens(ctx)
	}
	if err != nil {
		return apiToken{}, err
	}
	t, found := s.tokens.getAPI(c.account, id)
	if !found {
		return apiToken{}, errNoAPIToken
	}
	return t, c.precondition(t.Revision)
}

func (s *Service) getAPIToken(ctx context.Context, c *call) (answer, error) {
	t, err := s.apiToken(ctx, c)
	if err != nil {
		return answer{}, err
	}
	return answer{result: s.viewAPIToken(c.account, t.Value, ""), revision: t.Revision}, nil
}

func (s *Service) createAPIToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	now, value := proto.At(s.clock.Now()), credential.NewAPIToken()
	t := proto.APIToken{ID: proto.NewID(), SecretHash: credential.Hash(value), CreatedAt: now, UpdatedAt: now, Creator: c.token.ID}
	if err := applyAPIToken(c.account, &t, body, now); err != nil {
		return answer{}, err
	}
	if err := mayGive(c.token, &t); err != nil {
		return answer{}, err
	}
	revision, err := s.putToken(ctx, c.account, topology.APITokenKey(c.account, t.SecretHash), &t, 0)
	return answer{result: s.viewAPIToken(c.account, &t, value), revision: revision, messages: s.sameAPITokenName(c, &t)}, err
}

// updateAPIToken changes what the body names and keeps the rest; the value stays. Who may not give all that
// the token can then do may not change it either.
func (s *Service) updateAPIToken(ctx context.Context, c *call) (answer, error) {
	body, err := c.object()
	if err != nil {
		return answer{}, err
	}
	for range attempts {
		old, err := s.apiToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		t, now := *old.Value, proto.At(s.clock.Now())
		if err := applyAPIToken(c.account, &t, body, now); err != nil {
			return answer{}, err
		}
		if err := mayGive(c.token, &t); err != nil {
			return answer{}, err
		}
		t.UpdatedAt = now
		revision, err := s.putToken(ctx, c.account, old.key, &t, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := answer{result: s.viewAPIToken(c.account, &t, ""), revision: revision}
		if t.Name != old.Value.Name {
			a.messages = s.sameAPITokenName(c, &t)
		}
		return a, err
	}
	return answer{}, errConflict
}

// rollAPIToken gives a token another value: the one it had ends at the same moment. Whoever asks gets all
// that the token can do, and so has to have it.
func (s *Service) rollAPIToken(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		old, err := s.apiToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if err := mayGive(c.token, old.Value); err != nil {
			return answer{}, err
		}
		t, value := *old.Value, credential.NewAPIToken()
		t.SecretHash, t.UpdatedAt = credential.Hash(value), proto.At(s.clock.Now())
		err = s.moveToken(ctx, c.account, old.key, topology.APITokenKey(c.account, t.SecretHash), &t, old.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return ok(value), err
	}
	return answer{}, errConflict
}

// deleteAPIToken ends a token. Who may edit tokens may end any, itself too: that gives nothing to anybody.
func (s *Service) deleteAPIToken(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		t, err := s.apiToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		err = s.removeToken(ctx, c.account, t.key, t.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		if err == nil {
			s.uses.forget(ctx, c.account, t.Value.ID)
		}
		return ok(idOnly{t.Value.ID}), err
	}
	return answer{}, errConflict
}

// verifyAPIToken tells a token of itself.
func (s *Service) verifyAPIToken(ctx context.Context, c *call) (answer, error) {
	a := ok(struct {
		ID        proto.ID `json:"id"`
		Status    string   `json:"status"`
		NotBefore stamp    `json:"not_before,omitzero"`
		ExpiresOn stamp    `json:"expires_on,omitzero"`
	}{c.token.ID, tokenStatus(c.token, proto.At(s.clock.Now())), stamp(c.token.NotBefore), stamp(c.token.ExpiresAt)})
	a.messages = []notice{{codeOfVerify, "This API Token is valid and active"}}
	return a, nil
}

// codeOfVerify is of a message, not of an error.
const codeOfVerify = 10000

// listPermissionGroups gives what tokens can be allowed.
func (s *Service) listPermissionGroups(ctx context.Context, c *call) (answer, error) {
	type view struct {
		ID     string   `json:"id"`
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	views := []view{}
	name, scope := c.URL.Query().Get("name"), c.URL.Query().Get("scope")
	for _, g := range permissionGroups {
		of := "com.cloudflare.api.account"
		if g.zone {
			of += ".zone"
		}
		if (name == "" || name == g.name) && (scope == "" || scope == of) {
			views = append(views, view{g.id, g.name, []string{of}})
		}
	}
	return answer{result: views, info: whole(len(views))}, nil
}
