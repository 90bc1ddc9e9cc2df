package servicetoken

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"plumbline.dev/bus"
	"plumbline.dev/bus/topology"
	"plumbline.dev/proto"
	"plumbline.dev/services/api/accessrule"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
)

// tokenYear is the time that a refresh adds (api/README.md 2.5).
const tokenYear = 8760 * time.Hour

// refreshServiceToken moves the expiry of a token by a year; an expired token then expires a year from now.
func (s *API) refreshServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	return s.changeServiceToken(ctx, c, func(t *proto.ServiceToken, now proto.Millis) (string, error) {
		later := max(t.ExpiresAt, now).Add(tokenYear)
		t.ExpiresAt = max(t.ExpiresAt, min(later, now.Add(tokenForever)))
		return "", nil
	})
}

// rotateServiceToken gives a token a new secret. client_secret_version stays: it counts the rotations that clients
// requested by raising it, and this rotation must not look like one of them.
func (s *API) rotateServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	body := v4.Object{}
	if sent := bytes.TrimSpace(c.Payload); len(sent) > 0 && !v4.IsNull(sent) {
		var err error
		if body, err = v4.ParseObject(sent); err != nil {
			return v4.Response{}, err
		}
	}
	return s.changeServiceToken(ctx, c, func(t *proto.ServiceToken, now proto.Millis) (string, error) {
		return newSecret(t, body, now)
	})
}

// deleteServiceToken deletes a service token unless something names it (api/README.md 1.6).
func (s *API) deleteServiceToken(ctx context.Context, c *v4.Call) (v4.Response, error) {
	for range store.MaxAttempts {
		t, err := s.serviceToken(ctx, c)
		if err != nil {
			return v4.Response{}, err
		}
		if err := s.store.Fresh(ctx); err != nil {
			return v4.Response{}, err
		}
		if err := s.tokenUnused(c.Account, t.Value); err != nil {
			return v4.Response{}, err
		}
		view := s.viewServiceToken(t.Key, t.Value, "")
		err = s.store.RemoveToken(ctx, c.Account, t.Key, store.PriorOf(t.Record))
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		if err == nil {
			s.forgetSeen(ctx, c.Account, t.Value)
		}
		return v4.OK(view), err
	}
	return v4.Response{}, v4.ErrConflict
}

// forgetSeen removes the last use of a deleted token. An entry left behind is harmless: nothing reads it.
func (s *API) forgetSeen(ctx context.Context, a proto.Account, t *proto.ServiceToken) {
	key, err := topology.TokenSeenKey(a, t.ClientID)
	if err != nil {
		return
	}
	revision, err := s.store.Conn.Get(ctx, topology.TokenUses, key, &proto.TokenSeen{})
	if err == nil {
		err = s.store.Conn.Delete(ctx, topology.TokenUses, key, revision)
	}
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		s.store.Log.Debug("failed to remove the last use of a deleted service token", "token", t.ID, "err", err)
	}
}

// tokenUnused returns an error while a policy, a group or an application's SCIM configuration names the token.
func (s *API) tokenUnused(a proto.Account, t *proto.ServiceToken) error {
	names := func(r proto.Rule) bool { return r.Selector == "service_token" && accessrule.Names(r, "token_id", t.ID) }
	users := s.index.RulesWith(a, t.ID, names)
	for _, i := range s.index.Account(a).Applications.All() {
		if app := i.Value; bytes.Contains(app.Value.Sent, []byte(t.ClientID)) &&
			scimNames(v4.Decode(app.Value.Sent), t.ClientID) {
			users = append(users, "SCIM configuration of the application "+v4.Quote(app.Value.Name))
		}
	}
	if len(users) == 0 {
		return nil
	}
	return v4.Errorf(http.StatusBadRequest, v4.CodeTokenInUse,
		"access.api.error.service_token_in_use: the %s names this service token", strings.Join(users, ", the "))
}

// scimNames reports whether an application's SCIM configuration authenticates with a service token (api/README.md 3.3).
func scimNames(sent v4.Object, clientID string) bool {
	scim, _ := sent.Member("scim_config")
	ways := []v4.Object{}
	if way, err := scim.Member("authentication"); err == nil {
		ways = append(ways, way)
	} else if json.Unmarshal(scim["authentication"], &ways) != nil {
		return false
	}
	for _, way := range ways {
		if id, _ := way.Text("client_id"); id == clientID {
			return true
		}
	}
	return false
}
