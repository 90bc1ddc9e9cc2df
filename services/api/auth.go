package api

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// scope says what a request is about, and who calls. Where the path names no account, but a zone or
// nothing, the account is the one that the token is of.
func (s *Service) scope(r *http.Request) (account, zone proto.Account, token *proto.APIToken, given presented, err error) {
	named := r.PathValue("account")
	if named != "" {
		if account, err = proto.ParseAccount(named); err != nil {
			return account, zone, nil, given, errNoRoute
		}
	}
	if id := r.PathValue("zone"); id != "" {
		if zone, err = proto.ParseAccount(id); err != nil || zone.IsZero() {
			return account, zone, nil, given, errNoRoute
		}
	}
	given, err = readCredentials(r.Header)
	if err != nil {
		return account, zone, nil, given, err
	}
	hash := credential.Hash(given.secret)
	// A token that was made a moment ago, at another replica, is good here, and one that was ended is not.
	fresh := s.freshTokens
	if !s.tokens.known(hash) {
		fresh = s.freshStranger
	}
	if err := fresh(r.Context()); err != nil {
		return account, zone, nil, given, err
	}
	token = s.tokens.lookUp(named != "", &account, hash)
	if token == nil && named != "" && s.tokens.known(hash) {
		return account, zone, nil, given, errOtherAccount
	}
	if err := s.authentic(r, token, given); err != nil {
		return account, zone, nil, given, err
	}
	if _, stored := s.catalog.Zone(account, zone); !zone.IsZero() && len(s.cfg.Zones) > 0 && !stored && !s.configured(zone) {
		return account, zone, nil, given, errOtherAccount
	}
	return account, zone, token, given, nil
}

// authentic tells whether the caller may use the token now, from there.
func (s *Service) authentic(r *http.Request, t *proto.APIToken, given presented) error {
	switch {
	case t == nil, !credential.Matches(given.secret, t.SecretHash):
		return errAuthentication
	case given.key && (t.Email == "" || given.email != t.Email):
		return errAuthentication
	case tokenStatus(t, proto.At(s.clock.Now())) != statusActive:
		return errAuthentication
	case t.NotBefore > proto.At(s.clock.Now()):
		return errAuthentication
	case !usableFrom(t, peer(r)):
		return refuse(http.StatusForbidden, codeUnauthorized, "Unauthorized to access requested resource: the API token cannot be used from this address")
	}
	return nil
}

// lookUps bounds how many requests with unknown credentials ask the bus at once.
const lookUps = 8

// freshStranger is freshTokens for callers that are not known yet: they take turns.
func (s *Service) freshStranger(ctx context.Context) error {
	select {
	case s.lookUps <- struct{}{}:
		defer func() { <-s.lookUps }()
		return s.freshTokens(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}
