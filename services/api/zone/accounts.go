package zone

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
)

// accountRoutes returns the routes of the account. Clients ask first which account their token belongs to.
func (s *API) accountRoutes() []v4.Route {
	return []v4.Route{
		{Method: http.MethodGet, Path: "/client/v4/accounts", Scope: permission.Own, Handle: s.listAccounts},
		{Method: http.MethodGet, Path: v4.AccountPath, Scope: permission.Own, Handle: s.getAccount},
	}
}

// accountView is an account as Cloudflare shows it. None of its members can be changed.
type accountView struct {
	ID        proto.Account   `json:"id"`
	Name      string          `json:"name"`
	Type      string          `json:"type"`
	Settings  accountSettings `json:"settings"`
	CreatedOn v4.Timestamp    `json:"created_on"`
}

type accountSettings struct {
	AbuseContact *string `json:"abuse_contact_email"`
	TwoFactor    bool    `json:"enforce_twofactor"`
}

// viewAccount returns an account as responses show it, under its organization's name.
func (s *API) viewAccount(a proto.Account) accountView {
	o := s.store.Catalog.Organization(a).Value
	return accountView{ID: a, Name: cmp.Or(o.Name, "Plumbline"), Type: "standard", CreatedOn: v4.Timestamp(o.CreatedAt)}
}

func (s *API) listAccounts(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	all := []accountView{s.viewAccount(c.Account)}
	if !hasName(c.URL.Query(), all[0].Name) {
		all = nil
	}
	part, info, err := v4.Page(c.URL.Query(), all)
	if part == nil {
		part = []accountView{}
	}
	return v4.Response{Result: part, Info: info}, err
}

func (s *API) getAccount(ctx context.Context, c *v4.Call) (v4.Response, error) {
	if err := s.store.Fresh(ctx); err != nil {
		return v4.Response{}, err
	}
	return v4.OK(s.viewAccount(c.Account)), nil
}

// hasName reports whether name matches the name filter of a list query. Letter case is ignored.
func hasName(q url.Values, name string) bool {
	return q.Get("name") == "" || strings.EqualFold(q.Get("name"), name)
}
