package api

import (
	"net/http"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

// scope says what a request is about, and who calls. A zone's account is the one that the API token is of.
func (s *Service) scope(r *http.Request) (account, zone proto.Account, token *proto.APIToken, err error) {
	if id := r.PathValue("zone"); id != "" {
		if zone, err = proto.ParseAccount(id); err != nil || zone.IsZero() {
			return account, zone, nil, errNoRoute
		}
		var known bool
		if account, known = s.tokens.accountOf(credential.Hash(bearer(r))); !known {
			return account, zone, nil, errAuthentication
		}
		if len(s.cfg.Zones) > 0 && !slices.Contains(s.cfg.Zones, zone) {
			return account, zone, nil, errOtherAccount
		}
	} else if account, err = proto.ParseAccount(r.PathValue("account")); err != nil {
		return account, zone, nil, errNoRoute
	}
	token, err = s.authenticate(r, account)
	return account, zone, token, err
}

// authenticate says who calls: an API token in "Authorization: Bearer ...". An empty one counts as not
// given, since clients send it beside other credentials (contract.md 1.2).
func (s *Service) authenticate(r *http.Request, account proto.Account) (*proto.APIToken, error) {
	secret := bearer(r)
	if secret == "" {
		return nil, errAuthentication
	}
	t, elsewhere := s.tokens.apiToken(account, credential.Hash(secret))
	switch {
	case t == nil && elsewhere:
		return nil, errOtherAccount
	case t == nil, !credential.Matches(secret, t.SecretHash):
		return nil, errAuthentication
	case t.ExpiresAt != 0 && !s.clock.Now().Before(t.ExpiresAt.Time()):
		return nil, errAuthentication
	}
	return t, nil
}

func bearer(r *http.Request) string {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}
