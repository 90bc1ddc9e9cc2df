package v4

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Route is one operation of the API. Exactly one of handle and stream is set: stream writes its response itself, and
// its request body is not bounded.
type Route struct {
	Method, Path string
	Scope        Scope // what a token must be allowed to read or edit
	Zones        bool  // the route exists under a zone, too
	Handle       func(context.Context, *Call) (Response, error)
	Stream       func(http.ResponseWriter, *Call) error
}

// Scope names what a route is about, as far as permissions go. A route without one is for tokens that may do
// everything.
type Scope string

// Permission is what a request needs of its token: to read a scope, or to edit it.
type Permission struct {
	Scope Scope
	Edit  bool
}

// PermissionFor returns what a request with a method needs. Only GET and HEAD change nothing.
func (r Route) PermissionFor(method string) Permission {
	return Permission{r.Scope, method != http.MethodGet && method != http.MethodHead}
}

// Paths that the routes of an account and of a zone begin with.
const (
	AccountPath = "/client/v4/accounts/{account}"
	ZonePath    = "/client/v4/zones/{zone}"
)

// WithZones returns the routes and, for those that exist under zones, the same route under a zone.
func WithZones(routes []Route) []Route {
	all := slices.Clone(routes)
	for _, r := range routes {
		if r.Zones {
			r.Path = ZonePath + strings.TrimPrefix(r.Path, AccountPath)
			all = append(all, r)
		}
	}
	return all
}

// Key returns the method and path, the latter relative to the account or the zone.
func (r Route) Key() string {
	return r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.Path, AccountPath), ZonePath)
}
