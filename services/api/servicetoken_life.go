package api

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
)

// tokenYear is what a refresh adds (api/README.md 2.5).
const tokenYear = 8760 * time.Hour

// refreshServiceToken makes a token expire a year later: one that has expired already, a year from now.
func (s *Service) refreshServiceToken(ctx context.Context, c *call) (answer, error) {
	return s.changeServiceToken(ctx, c, func(t *proto.ServiceToken, now proto.Millis) (string, error) {
		later := max(t.ExpiresAt, now).Add(tokenYear)
		t.ExpiresAt = max(t.ExpiresAt, min(later, now.Add(tokenForever)))
		return "", nil
	})
}

// rotateServiceToken gives a token a new secret. client_secret_version stays: it counts the rotations that
// its editors asked for by raising it, and a rotation beside them must not make theirs look done.
func (s *Service) rotateServiceToken(ctx context.Context, c *call) (answer, error) {
	body := object{}
	if sent := bytes.TrimSpace(c.body); len(sent) > 0 && !isNull(sent) {
		var err error
		if body, err = parseObject(sent); err != nil {
			return answer{}, err
		}
	}
	return s.changeServiceToken(ctx, c, func(t *proto.ServiceToken, now proto.Millis) (string, error) {
		return newSecret(t, body, now)
	})
}

// deleteServiceToken refuses while something names the token (api/README.md 1.6).
func (s *Service) deleteServiceToken(ctx context.Context, c *call) (answer, error) {
	for range attempts {
		t, err := s.serviceToken(ctx, c)
		if err != nil {
			return answer{}, err
		}
		if err := s.fresh(ctx); err != nil {
			return answer{}, err
		}
		if err := s.tokenUnused(c.account, t.Value); err != nil {
			return answer{}, err
		}
		view := s.viewServiceToken(t.key, t.Value, "")
		err = s.removeToken(ctx, c.account, t.key, t.Revision)
		if errors.Is(err, bus.ErrConflict) {
			continue
		}
		if err == nil {
			s.forgetSeen(ctx, c.account, t.Value)
		}
		return ok(view), err
	}
	return answer{}, errConflict
}

// forgetSeen removes when a token was last used. Nothing reads it any more: that it stays does no harm.
func (s *Service) forgetSeen(ctx context.Context, a proto.Account, t *proto.ServiceToken) {
	key, err := topology.TokenSeenKey(a, t.ClientID)
	if err != nil {
		return
	}
	revision, err := s.conn.Get(ctx, topology.Tokens, key, &proto.TokenSeen{})
	if err == nil {
		err = s.conn.Delete(ctx, topology.Tokens, key, revision)
	}
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		s.log.Debug("when a deleted service token was last used is left behind", "token", t.ID, "err", err)
	}
}

// tokenUnused refuses where a policy, a group or an application's SCIM configuration names the token.
func (s *Service) tokenUnused(a proto.Account, t *proto.ServiceToken) error {
	names := func(r proto.Rule) bool { return r.Selector == "service_token" && ruleNames(r, "token_id", t.ID) }
	users := s.rulesWith(a, t.ID, names)
	for _, i := range s.index.account(a).apps.all() {
		if app := i.of; bytes.Contains(app.Value.Sent, []byte(t.ClientID)) && scimNames(stored(app.Value.Sent), t.ClientID) {
			users = append(users, "SCIM configuration of the application "+quoted(app.Value.Name))
		}
	}
	if len(users) == 0 {
		return nil
	}
	return refuse(http.StatusBadRequest, codeTokenInUse, "access.api.error.service_token_in_use: the %s names this service token", strings.Join(users, ", the "))
}

// scimNames tells whether an application's SCIM configuration logs in with a service token (api/README.md 3.3).
func scimNames(sent object, clientID string) bool {
	scim, _ := sent.inner("scim_config")
	ways := []object{}
	if way, err := scim.inner("authentication"); err == nil {
		ways = append(ways, way)
	} else if json.Unmarshal(scim["authentication"], &ways) != nil {
		return false
	}
	for _, way := range ways {
		if id, _ := way.text("client_id"); id == clientID {
			return true
		}
	}
	return false
}

// anyRule tells whether a rule of the lists is one of those asked about.
func anyRule(is func(proto.Rule) bool, lists ...[]proto.Rule) bool {
	for _, rules := range lists {
		for _, r := range rules {
			if is(r) {
				return true
			}
		}
	}
	return false
}

// ruleNames tells whether the member of a rule's body is an id.
func ruleNames(r proto.Rule, member string, id proto.ID) bool {
	named, _ := stored(r.Body).text(member)
	parsed, err := proto.ParseID(named)
	return err == nil && parsed == id
}
