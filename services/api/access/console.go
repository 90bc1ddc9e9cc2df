package access

import (
	"net/http"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
)

// consolePermission is needed to change where the console's requests go, and who vouches for its visitors. Its origin
// receives the application tokens of administrators.
var consolePermission = v4.Permission{Scope: permission.Members, Edit: true}

// isConsole reports whether an application is the console.
func (s *API) isConsole(app *proto.Application) bool {
	return slices.Contains(s.cfg.ConsoleAudiences, app.AUD)
}

// guardConsole returns an error if a request changes or deletes an application of the console, or a policy of one,
// without the permission to make members. Deleting it counts too: its host is guarded only while the application
// exists.
func (s *API) guardConsole(c *v4.Call, app *proto.Application) error {
	if !s.isConsole(app) || permission.Permits(c.Token, consolePermission, proto.Account{}) {
		return nil
	}
	return permission.Denied(consolePermission)
}

// mayChange returns an error if a request may not change an application or its policies: if it is the console, or if a
// request for a zone changes an application that lies outside of the zone.
func (s *API) mayChange(c *v4.Call, app *proto.Application) error {
	if err := s.guardConsole(c, app); err != nil {
		return err
	}
	return s.zones.MayChange(c, app)
}

// guardConsolePolicy returns an error if a request changes a reusable policy that an application of the console links,
// without the permission to make members.
func (s *API) guardConsolePolicy(c *v4.Call, policy *proto.Policy) error {
	if len(s.cfg.ConsoleAudiences) == 0 || s.index.LinksTo(c.Account, policy.ID) == 0 {
		return nil
	}
	for _, app := range s.store.Catalog.Applications(c.Account) {
		if slices.ContainsFunc(app.Value.Policies, func(l proto.PolicyLink) bool { return l.Policy == policy.ID }) {
			if err := s.guardConsole(c, app.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// guardConsoleHost returns an error if an application takes requests for a host of a console. A page on that host could
// act as the console in an administrator's browser, so it needs the permission to make members of the console's
// account; whoever has that permission in another account has no say about this one. It also returns an error if a
// console would move to a host for which another account takes requests. old is the stored application, nil if there
// is none.
func (s *API) guardConsoleHost(c *v4.Call, app, old *proto.Application) error {
	if len(s.cfg.ConsoleAudiences) == 0 {
		return nil
	}
	permitted := permission.Permits(c.Token, consolePermission, proto.Account{})
	moved := s.isConsole(app) && len(newDestinations(app, old)) > 0
	for _, other := range s.store.Catalog.AllApplications() {
		switch {
		case other.Value.ID == app.ID:
		case moved && other.Account != c.Account && intrudes(other.Value, app):
			return errForeignHost
		case !s.isConsole(other.Value) || !intrudes(app, other.Value):
		case other.Account != c.Account:
			return errForeignConsole
		case !permitted:
			return permission.Denied(consolePermission)
		}
	}
	return nil
}

var errForeignConsole = v4.Errorf(http.StatusForbidden, v4.CodeUnauthorized,
	"Unauthorized to access requested resource: the host belongs to the console of another account")

var errForeignHost = v4.Errorf(http.StatusConflict, v4.CodeApplicationExists,
	"access.api.error.conflict: an application of another account takes requests for a host of the console: it could act "+
		"as the console in a browser")

// intrudes reports whether an application takes requests for a host of another application.
func intrudes(app, other *proto.Application) bool {
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue // rejected elsewhere
		}
		for _, theirs := range other.Domains {
			if q, err := appmatch.Parse(theirs); err == nil && p.Intrudes(q) {
				return true
			}
		}
	}
	return false
}
