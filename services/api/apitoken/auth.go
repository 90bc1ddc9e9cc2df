package apitoken

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/store"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/credential"
)

// Authenticate returns the call of a request. If the path names no account, the account is the token's.
func (s *API) Authenticate(r *http.Request) (*v4.Call, error) {
	account, zone, err := scopeOf(r)
	if err != nil {
		return nil, err
	}
	given, err := readCredentials(r.Header)
	if errors.Is(err, errNoCredentials) && len(r.Header.Values(v4.HeaderAssertion)) > 0 {
		return s.authenticatePerson(r, account, zone)
	}
	if err != nil {
		return nil, err
	}
	account, token, err := s.identifyToken(r, account, zone, given)
	if err != nil {
		return nil, err
	}
	c := &v4.Call{Request: r, Account: account, Zone: zone, Token: token}
	c.Recheck = func() error { return s.recheck(c, given) }
	return c, nil
}

// Authorize returns an error if the call's token lacks one of the call's permissions. It records the use of the token
// and adds the actor for the audit log to the request's context.
func (s *API) Authorize(c *v4.Call) error {
	if err := permitted(c, c.Token); err != nil {
		return err
	}
	if c.Person == nil {
		s.uses.note(c.Account, c.Token.ID, s.store.Tokens.LastUsed(c.Account, c.Token.ID), s.store.Clock.Now())
	}
	actor, action := actorOf(c)
	c.Request = c.WithContext(store.WithActor(c.Context(), actor, action))
	return nil
}

// scopeOf returns the account and the zone that the path names, or zero.
func scopeOf(r *http.Request) (account, zone proto.Account, err error) {
	if named := r.PathValue("account"); named != "" {
		if account, err = proto.ParseAccount(named); err != nil {
			return account, zone, v4.ErrNoRoute
		}
	}
	if id := r.PathValue("zone"); id != "" {
		if zone, err = proto.ParseAccount(id); err != nil || zone.IsZero() {
			return account, zone, v4.ErrNoRoute
		}
	}
	return account, zone, nil
}

// identifyToken returns the token that the request presents, and its account if the path names none.
func (s *API) identifyToken(r *http.Request, account, zone proto.Account,
	given presented) (proto.Account, *proto.APIToken, error) {
	named := r.PathValue("account") != ""
	hash := credential.Hash(given.secret)
	// Wait for the newest tokens: another replica may have created or deleted this one a moment ago.
	fresh := s.store.FreshTokens
	if !s.store.Tokens.Known(hash) {
		fresh = s.freshUnknown
	}
	if err := fresh(r.Context()); err != nil {
		return account, nil, err
	}
	token := s.store.Tokens.LookUp(named, &account, hash)
	if token == nil && named && s.store.Tokens.Known(hash) {
		return account, nil, errOtherAccount
	}
	if err := s.authentic(r, token, given); err != nil {
		return account, nil, err
	}
	if !zone.IsZero() && !s.zoneKnown(account, zone) {
		return account, nil, errOtherAccount
	}
	return account, token, nil
}

// authentic returns an error unless the caller may use the token now and from its address.
func (s *API) authentic(r *http.Request, t *proto.APIToken, given presented) error {
	switch {
	case t == nil, !credential.Matches(given.secret, t.SecretHash):
		return errAuthentication
	case given.key && (t.Email == "" || given.email != t.Email):
		return errAuthentication
	case tokenStatus(t, proto.At(s.store.Clock.Now())) != statusActive:
		return errAuthentication
	case t.NotBefore > proto.At(s.store.Clock.Now()):
		return errAuthentication
	case !usableFrom(t, v4.Peer(r)):
		return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: the API token cannot be used from this address")
	}
	return nil
}

// maxLookUps bounds how many requests with unknown credentials query the bus at once.
const maxLookUps = 8

// freshUnknown is FreshTokens for unknown credentials, limited to [maxLookUps] at once.
func (s *API) freshUnknown(ctx context.Context) error {
	select {
	case s.lookUps <- struct{}{}:
		defer func() { <-s.lookUps }()
		return s.store.FreshTokens(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errOtherAccount = v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized, "Unauthorized to access requested resource")

// recheck checks the credentials of an admitted request again, against the current tokens.
func (s *API) recheck(c *v4.Call, given presented) error {
	account := c.Account
	t := s.store.Tokens.LookUp(c.PathValue("account") != "", &account, credential.Hash(given.secret))
	if err := s.authentic(c.Request, t, given); err != nil {
		return err
	}
	if account != c.Account || t.ID != c.Token.ID {
		return errAuthentication
	}
	return permitted(c, t)
}

// permitted returns an error if a token, or the roles of a person, lack one of the permissions that a call requires.
func permitted(c *v4.Call, t *proto.APIToken) error {
	for _, n := range append([]v4.Permission{c.Permission}, c.Also...) {
		if !permission.Permits(t, n, c.Zone) {
			if c.Person != nil {
				return deniedPerson(c.Person, n)
			}
			return permission.Denied(n)
		}
	}
	return nil
}

// pathActions maps the last part of a path to the action in the audit log.
var pathActions = map[string]string{
	"refresh": "refresh", "rotate": "rotate", "value": "roll", "revoke_tokens": "revoke", "revoke-tokens": "revoke",
	"revoke": "revoke", "release": "release", "reject": "reject",
}

// actorOf returns the actor of a call for the audit log, and the action that its path names; action is empty if it
// names none.
func actorOf(c *v4.Call) (actor proto.Actor, action string) {
	switch {
	case c.Person != nil:
		actor = proto.Actor{Type: "user", ID: c.Person.User.String(), Name: cmp.Or(c.Person.Name, c.Person.Email),
			Email: c.Person.Email}
	case c.Token.Email != "":
		actor = proto.Actor{Type: "key", ID: c.Token.ID.String(), Name: c.Token.Name, Email: c.Token.Email}
	default:
		actor = proto.Actor{Type: "token", ID: c.Token.ID.String(), Name: c.Token.Name}
	}
	if from := v4.Peer(c.Request); from.IsValid() {
		actor.IP = from.String()
	}
	return actor, pathActions[path.Base(c.URL.Path)]
}
