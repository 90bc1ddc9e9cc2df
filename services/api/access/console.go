package access

import (
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/permission"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/appmatch"
)

// consolePermission is needed to change where the console's requests go, and who vouches for its visitors. Its origin
// receives the application tokens of administrators.
var consolePermission = v4.Permission{Scope: permission.Members, Edit: true}

// guardConsole returns an error if a request changes an application of the console without the permission to make
// members.
func (s *API) guardConsole(c *v4.Call, app *proto.Application) error {
	if !slices.Contains(s.cfg.ConsoleAudiences, app.AUD) ||
		permission.Permits(c.Token, consolePermission, proto.Account{}) {
		return nil
	}
	return permission.Denied(consolePermission)
}

// guardConsoleHost returns an error if an application has a destination on a host of the console, and the request lacks
// the permission to make members. A page on that host could act as the console in an administrator's browser.
func (s *API) guardConsoleHost(c *v4.Call, app *proto.Application) error {
	if len(s.cfg.ConsoleAudiences) == 0 || permission.Permits(c.Token, consolePermission, proto.Account{}) {
		return nil
	}
	hosts := hostsOf(app)
	for _, other := range s.store.Catalog.AllApplications() {
		if other.Value.ID == app.ID || !slices.Contains(s.cfg.ConsoleAudiences, other.Value.AUD) {
			continue
		}
		for _, host := range hostsOf(other.Value) {
			if slices.Contains(hosts, host) {
				return permission.Denied(consolePermission)
			}
		}
	}
	return nil
}

// hostsOf returns the hosts of an application's destinations, without ports.
func hostsOf(app *proto.Application) []string {
	var all []string
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue // rejected elsewhere
		}
		host, _, _ := strings.Cut(p.String(), "/")
		if n := strings.LastIndexByte(host, ':'); n > strings.LastIndexByte(host, ']') {
			host = host[:n]
		}
		all = append(all, host)
	}
	return all
}
