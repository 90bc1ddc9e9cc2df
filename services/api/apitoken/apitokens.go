package apitoken

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// Routes returns the routes of API tokens, in the shape of Cloudflare's account-owned tokens.
func (s *API) Routes() []v4.Route {
	const all, one = v4.AccountPath + "/tokens", v4.AccountPath + "/tokens/{id}"
	return []v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.APITokens, Handle: s.listAPITokens},
		{Method: http.MethodPost, Path: all, Scope: permission.APITokens, Handle: s.createAPIToken},
		{Method: http.MethodGet, Path: one, Scope: permission.APITokens, Handle: s.getAPIToken},
		{Method: http.MethodPut, Path: one, Scope: permission.APITokens, Handle: s.updateAPIToken},
		{Method: http.MethodDelete, Path: one, Scope: permission.APITokens, Handle: s.deleteAPIToken},
		{Method: http.MethodPut, Path: one + "/value", Scope: permission.APITokens, Handle: s.rollAPIToken},
		{Method: http.MethodGet, Path: all + "/verify", Scope: permission.Own, Handle: s.verifyAPIToken},
		{Method: http.MethodGet, Path: all + "/permission_groups", Scope: permission.APITokens,
			Handle: s.listPermissionGroups},
		{Method: http.MethodGet, Path: v4.AccountPath + "/plumbline/me", Scope: permission.Own, Handle: s.me},
		{Method: http.MethodGet, Path: "/client/v4/user/tokens/verify", Scope: permission.Own, Handle: s.verifyAPIToken},
	}
}

func (s *API) listAPITokens(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.FreshTokens(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	all := s.store.Tokens.ListAPI(c.Account)
	switch q.Get("direction") {
	case "", "asc":
	case "desc":
		slices.Reverse(all)
	default:
		return v4.Response{}, v4.Invalid("direction must be asc or desc")
	}
	part, info, err := v4.Page(q, all)
	views := make([]apiTokenView, len(part))
	for n, t := range part {
		views[n] = s.view(c.Account, t.Value, "")
	}
	return v4.Response{Result: views, Info: info}, err
}

// apiToken returns the token that the path names.
func (s *API) apiToken(ctx context.Context, c *v4.Call) (store.APIToken, error) {
	id, err := c.ID("id", errNoAPIToken)
	if err == nil {
		err = s.store.FreshTokens(ctx)
	}
	if err != nil {
		return store.APIToken{}, err
	}
	t, found := s.store.Tokens.GetAPI(c.Account, id)
	if !found {
		return store.APIToken{}, errNoAPIToken
	}
	return t, c.Precondition(t.Revision)
}

func (s *API) getAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	t, err := s.apiToken(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.view(c.Account, t.Value, ""), Revision: t.Revision}, nil
}

func (s *API) createAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	now, value := proto.At(s.store.Clock.Now()), credential.NewAPIToken()
	t := proto.APIToken{ID: proto.NewID(), SecretHash: credential.Hash(value), CreatedAt: now, UpdatedAt: now,
		Creator: c.Token.ID}
	if err := applyAPIToken(c.Account, &t, body, now); err != nil {
		return v4.Response{}, err
	}
	if err := MayGive(c.Token, &t); err != nil {
		return v4.Response{}, err
	}
	if err := mayName(c.Token, t.Email); err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.PutToken(ctx, c.Account, topology.APITokenKey(c.Account, t.SecretHash), &t, store.Prior{})
	return v4.Response{Result: s.view(c.Account, &t, value), Revision: revision, Messages: s.sameName(c, &t)}, err
}

// updateAPIToken applies the request body to a token; its value stays. The caller must have every permission that the
// token has afterwards.
func (s *API) updateAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	for range store.MaxAttempts {
		old, err := s.apiToken(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		t, now := *old.Value, proto.At(s.store.Clock.Now())
		if err := applyAPIToken(c.Account, &t, body, now); err != nil {
			return v4.Response{}, err
		}
		if err := MayGive(c.Token, &t); err != nil {
			return v4.Response{}, err
		}
		if t.Email != old.Value.Email {
			if err := mayName(c.Token, t.Email); err != nil {
				return v4.Response{}, err
			}
		}
		t.UpdatedAt = now
		revision, err := s.store.PutToken(ctx, c.Account, old.Key, &t, store.PriorOf(old.Record))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := v4.Response{Result: s.view(c.Account, &t, ""), Revision: revision}
		if t.Name != old.Value.Name {
			a.Messages = s.sameName(c, &t)
		}
		return a, err
	}
	return v4.Response{}, v4.ErrConflict
}

// rollAPIToken gives a token a new value; the old value stops working at once. The response grants the caller all
// permissions of the token and its e-mail address, so the caller must have them already.
func (s *API) rollAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		old, err := s.apiToken(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		if err := MayGive(c.Token, old.Value); err != nil {
			return v4.Response{}, err
		}
		if err := mayName(c.Token, old.Value.Email); err != nil {
			return v4.Response{}, err
		}
		t, value := *old.Value, credential.NewAPIToken()
		t.SecretHash, t.UpdatedAt = credential.Hash(value), proto.At(s.store.Clock.Now())
		err = s.store.MoveToken(ctx, c.Account, old.Key, topology.APITokenKey(c.Account, t.SecretHash), &t,
			store.PriorOf(old.Record))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		return v4.OK(value), err
	}
	return v4.Response{}, v4.ErrConflict
}

// deleteAPIToken deletes a token. Permission to edit tokens is enough to delete any of them, including the caller's
// own, because deleting a token grants nothing.
func (s *API) deleteAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		t, err := s.apiToken(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		err = s.store.RemoveToken(ctx, c.Account, t.Key, store.PriorOf(t.Record))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		if err == nil {
			s.uses.forget(ctx, c.Account, t.Value.ID)
		}
		return v4.OK(v4.IDOnly{ID: t.Value.ID}), err
	}
	return v4.Response{}, v4.ErrConflict
}

// verifyAPIToken returns the status of the caller's own token.
func (s *API) verifyAPIToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	a := v4.OK(struct {
		ID        proto.ID     `json:"id"`
		Status    string       `json:"status"`
		NotBefore v4.Timestamp `json:"not_before,omitzero"`
		ExpiresOn v4.Timestamp `json:"expires_on,omitzero"`
	}{c.Token.ID, tokenStatus(c.Token, proto.At(s.store.Clock.Now())), v4.Timestamp(c.Token.NotBefore),
		v4.Timestamp(c.Token.ExpiresAt)})
	a.Messages = []v4.Notice{{Code: codeOfVerify, Message: "This API Token is valid and active"}}
	return a, nil
}

// codeOfVerify is the code of a message, not of an error.
const codeOfVerify = 10000

// listPermissionGroups lists the permission groups for token policies.
func (s *API) listPermissionGroups(ctx context.Context, c *v4.Call) (v4.Response, error) {
	type view struct {
		ID     string   `json:"id"`
		Name   string   `json:"name"`
		Scopes []string `json:"scopes"`
	}
	views := []view{}
	name, scope := c.URL.Query().Get("name"), c.URL.Query().Get("scope")
	for _, g := range permission.Groups {
		of := "com.cloudflare.api.account"
		if g.ForZone {
			of += ".zone"
		}
		if (name == "" || name == g.Name) && (scope == "" || scope == of) {
			views = append(views, view{g.ID, g.Name, []string{of}})
		}
	}
	return v4.Response{Result: views, Info: v4.SinglePage(len(views))}, nil
}

var errNoAPIToken = v4.Errorf(http.StatusNotFound, v4.CodeNoAPIToken, "API token not found")
