package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/proto"
)

// accountRoutes are what clients ask first: which account their token is of.
func (s *Service) accountRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "/client/v4/accounts", of: areaOwn, handle: s.listAccounts},
		{method: http.MethodGet, path: accountPath, of: areaOwn, handle: s.getAccount},
	}
}

// accountView is an account as Cloudflare shows it. There is nothing to set.
type accountView struct {
	ID        proto.Account   `json:"id"`
	Name      string          `json:"name"`
	Type      string          `json:"type"`
	Settings  accountSettings `json:"settings"`
	CreatedOn stamp           `json:"created_on"`
}

type accountSettings struct {
	AbuseContact *string `json:"abuse_contact_email"`
	TwoFactor    bool    `json:"enforce_twofactor"`
}

// viewAccount shows an account by its organization's name.
func (s *Service) viewAccount(a proto.Account) accountView {
	o := s.catalog.Organization(a).Value
	return accountView{ID: a, Name: cmp.Or(o.Name, "Plumbline"), Type: "standard", CreatedOn: stamp(o.CreatedAt)}
}

func (s *Service) listAccounts(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	all := []accountView{s.viewAccount(c.account)}
	if !hasName(c.URL.Query(), all[0].Name) {
		all = nil
	}
	part, info, err := paged(c.URL.Query(), all)
	if part == nil {
		part = []accountView{}
	}
	return answer{result: part, info: info}, err
}

func (s *Service) getAccount(ctx context.Context, c *call) (answer, error) {
	if err := s.fresh(ctx); err != nil {
		return answer{}, err
	}
	return ok(s.viewAccount(c.account)), nil
}

// hasName reports whether a name is the one that a list's query asks for. Letter case does not count.
func hasName(q url.Values, name string) bool {
	return q.Get("name") == "" || strings.EqualFold(q.Get("name"), name)
}
