package servicetoken

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// serviceTokenPart returns service tokens as a part of the API.
func (s *API) serviceTokenPart() resource.Part {
	return resource.Part{
		Register: func() {
			store.Register(s.store, "service_token", func(a proto.Account, t *proto.ServiceToken) any {
				key, _ := topology.ServiceTokenKey(a, t.ClientID)
				return s.viewServiceToken(key, t, "")
			})
		},
		Routes: s.serviceTokenRoutes, Operations: serviceTokenOperations, Schemas: serviceTokenSchemas,
	}
}

func (s *API) serviceTokenRoutes() []v4.Route {
	const all, one = v4.AccountPath + "/access/service_tokens", v4.AccountPath + "/access/service_tokens/{id}"
	return v4.WithTextMessages([]v4.Route{
		{Method: http.MethodGet, Path: all, Scope: permission.ServiceTokens, Handle: s.listServiceTokens, Zones: true},
		{Method: http.MethodPost, Path: all, Scope: permission.ServiceTokens, Handle: s.createServiceToken, Zones: true},
		{Method: http.MethodGet, Path: one, Scope: permission.ServiceTokens, Handle: s.getServiceToken, Zones: true},
		{Method: http.MethodPut, Path: one, Scope: permission.ServiceTokens, Handle: s.updateServiceToken, Zones: true},
		{Method: http.MethodDelete, Path: one, Scope: permission.ServiceTokens, Handle: s.deleteServiceToken, Zones: true},
		{Method: http.MethodPost, Path: one + "/refresh", Scope: permission.ServiceTokens, Handle: s.refreshServiceToken},
		{Method: http.MethodPost, Path: one + "/rotate", Scope: permission.ServiceTokens, Handle: s.rotateServiceToken},
	})
}

// serviceTokenView is a service token in a response (api/README.md 2.3).
type serviceTokenView struct {
	ID            proto.ID     `json:"id"`
	ClientID      string       `json:"client_id"`
	ClientSecret  string       `json:"client_secret,omitempty"`
	Name          string       `json:"name"`
	Duration      string       `json:"duration"`
	Version       int          `json:"client_secret_version"`
	PreviousUntil v4.Timestamp `json:"previous_client_secret_expires_at,omitzero"`
	Enabled       bool         `json:"enabled"`
	ExpiresAt     v4.Timestamp `json:"expires_at"`
	CreatedAt     v4.Timestamp `json:"created_at"`
	UpdatedAt     v4.Timestamp `json:"updated_at"`
	LastSeenAt    v4.Timestamp `json:"last_seen_at"`
}

// viewServiceToken returns the token stored under a key of TOKENS as responses show it. secret is set only in the
// response that creates the secret.
func (s *API) viewServiceToken(key string, t *proto.ServiceToken, secret string) serviceTokenView {
	return serviceTokenView{
		ID: t.ID, ClientID: t.ClientID, ClientSecret: secret, Name: t.Name, Duration: t.DurationText, Version: t.Version,
		PreviousUntil: v4.Timestamp(t.PreviousUntil), Enabled: !t.Disabled, ExpiresAt: v4.Timestamp(t.ExpiresAt),
		CreatedAt: v4.Timestamp(t.CreatedAt), UpdatedAt: v4.Timestamp(t.UpdatedAt),
		LastSeenAt: v4.Timestamp(s.store.Tokens.LastSeen(key)),
	}
}

func (s *API) listServiceTokens(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.FreshTokens(ctx); err != nil {
		return v4.Response{}, err
	}
	q := c.URL.Query()
	all := s.store.Tokens.List(c.Account)
	if c.Zoned() || v4.HasParam(q, "name", "search") {
		name, search := q.Get("name"), strings.ToLower(q.Get("search"))
		all = store.Filter(all, func(t store.ServiceToken) bool {
			return c.Sees(t.Value.Zone) && (name == "" || t.Value.Name == name) &&
				(search == "" || v4.ContainsFold(t.Value.Name, search) || strings.Contains(t.Value.ClientID, search) ||
					strings.Contains(t.Value.ID.String(), search))
		})
	}
	part, info, err := v4.Page(q, all)
	if err != nil {
		return v4.Response{}, err
	}
	views, err := store.EncodeAll(part,
		func(t store.ServiceToken) store.Basis { return store.Basis{uint64(s.store.Tokens.LastSeen(t.Key))} },
		func(t store.ServiceToken) any { return s.viewServiceToken(t.Key, t.Value, "") })
	return v4.Response{Result: views, Info: info}, err
}

func (s *API) getServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	t, err := s.serviceToken(ctx, c)
	if err != nil {
		return v4.Response{}, err
	}
	return v4.Response{Result: s.viewServiceToken(t.Key, t.Value, ""), Revision: t.Revision}, nil
}

// serviceToken returns the service token that the path names.
func (s *API) serviceToken(ctx context.Context, c *v4.Call) (store.ServiceToken, error) {
	id, err := c.ID("id", errNoServiceToken)
	if err != nil {
		return store.ServiceToken{}, err
	}
	if err := s.store.FreshTokens(ctx); err != nil {
		return store.ServiceToken{}, err
	}
	t, found := s.store.Tokens.Get(c.Account, id)
	if !found || !c.Sees(t.Value.Zone) {
		return store.ServiceToken{}, errNoServiceToken
	}
	return t, c.Precondition(t.Revision)
}

// createServiceToken creates a token with new credentials, or with the Client ID and Secret in the body, for a token
// that is in use elsewhere.
func (s *API) createServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
	}
	clientID, secret, err := importedCredentials(body)
	if err != nil {
		return v4.Response{}, err
	}
	if clientID == "" {
		clientID, secret = credential.NewClientID(), credential.NewServiceSecret()
	}
	now := proto.At(s.store.Clock.Now())
	t := proto.ServiceToken{
		ID: proto.NewID(), ClientID: clientID, SecretHash: credential.Hash(secret), Version: 1,
		DurationText: defaultTokenDuration, CreatedAt: now, Zone: c.Zone,
	}
	if !body.Has("name") {
		return v4.Response{}, v4.Invalid("name is required")
	}
	if _, err := applyServiceToken(&t, body, now); err != nil {
		return v4.Response{}, err
	}
	key, err := topology.ServiceTokenKey(c.Account, t.ClientID)
	if err != nil {
		return v4.Response{}, err
	}
	revision, err := s.store.PutToken(ctx, c.Account, key, &t, store.Prior{})
	if errors.Is(err, bus.ErrConflict) {
		return v4.Response{}, v4.Errorf(http.StatusConflict, v4.CodeConflict,
			"access.api.error.conflict: a service token with this client_id already exists")
	}
	if err == nil {
		s.sawToken(ctx, revision)
	}
	return v4.Response{Status: http.StatusCreated, Result: s.viewServiceToken(key, &t, secret), Revision: revision,
		Messages: s.sameServiceTokenName(c, &t)}, err
}

// sawToken waits until this replica sees a new token, so that rules about it in the next requests are not reported as
// dangling. On a timeout, the token exists all the same.
func (s *API) sawToken(ctx context.Context, revision uint64) {
	ctx, cancel := context.WithTimeout(ctx, store.ViewTimeout)
	defer cancel()
	if err := s.store.Tokens.AwaitRevision(ctx, revision); err != nil {
		s.store.Log.Debug("new service token not visible in this replica yet", "err", err)
	}
}

// updateServiceToken changes the members in the body and keeps the rest. A raised client_secret_version creates a new
// secret.
func (s *API) updateServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body, err := c.Object()
	if err != nil {
		return v4.Response{}, err
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
			// Another request raised it to the same version: only its client has the secret.
			return "", v4.ErrConflict
		}
		return "", nil
	})
}

// changeServiceToken applies a change to the token that the path names. It tries again after a lost race. The change
// returns the new secret, if it made one.
func (s *API) changeServiceToken(ctx context.Context, c *v4.Call,
	change func(*proto.ServiceToken, proto.Millis) (string, error)) (v4.Response, error) {
	for range store.MaxAttempts {
		old, err := s.serviceToken(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		t, now := *old.Value, proto.At(s.store.Clock.Now())
		secret, err := change(&t, now)
		if err != nil {
			return v4.Response{}, err
		}
		t.UpdatedAt = now
		revision, err := s.store.PutToken(ctx, c.Account, old.Key, &t, store.PriorOf(old.Record))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		a := v4.Response{Result: s.viewServiceToken(old.Key, &t, secret), Revision: revision}
		if t.Name != old.Value.Name {
			a.Messages = s.sameServiceTokenName(c, &t)
		}
		return a, err
	}
	return v4.Response{}, v4.ErrConflict
}

var errNoServiceToken = v4.Errorf(http.StatusNotFound, v4.CodeNotFound, "access.api.error.not_found")

func (s *API) sameServiceTokenName(c *v4.Call, t *proto.ServiceToken) []v4.Notice {
	return resource.SameName("service token", t.Name, t.ID, resource.Items(s.store.Tokens.List(c.Account),
		func(o store.ServiceToken) string { return c.Visible(o.Value.Zone, o.Value.Name) }))
}
