package apitoken

import (
	"context"
	"net/http"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/person"
	"plumbline.dev/services/api/v4"
)

// people authenticates people who come through the gateway.
type people interface {
	Authenticate(ctx context.Context, r *http.Request, named proto.Account) (*person.Authenticated, error)
}

// authenticatePerson returns the call of a request without an API token and with the application token of a person.
func (s *API) authenticatePerson(r *http.Request, account, zone proto.Account) (*v4.Call, error) {
	who, err := s.people.Authenticate(r.Context(), r, account)
	if err != nil {
		return nil, err
	}
	if !zone.IsZero() && !s.zoneKnown(who.Account, zone) {
		return nil, errOtherAccount
	}
	c := &v4.Call{Request: r, Account: who.Account, Zone: zone, Token: who.Token, Person: who.Person}
	c.Recheck = func() error {
		now, err := s.people.Authenticate(r.Context(), r, account)
		switch {
		case err != nil:
			return err
		case now.Account != c.Account || now.Person.User != c.Person.User:
			return errAuthentication
		}
		return permitted(c, now.Token)
	}
	return c, nil
}

// deniedPerson returns the error for a person with roles lacking a permission.
func deniedPerson(p *v4.Person, n v4.Permission) error {
	if groups := permission.GroupsFor(n); groups != "" {
		return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
			"Unauthorized to access requested resource: the roles of %s lack the permission %s", v4.Quote(p.Email), groups)
	}
	return v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
		"Unauthorized to access requested resource: only an administrator may do this")
}
