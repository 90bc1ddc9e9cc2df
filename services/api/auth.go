package api

import (
	"net/http"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/credential"
)

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
