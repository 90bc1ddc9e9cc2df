package v4

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Route is one operation of the API. Either Handle or Stream is set. Stream writes its response itself, and its request
// body is not bounded unless Bounded is set.
type Route struct {
	Method, Path string
	Scope        Scope        // scope that a token needs permission for
	Also         []Permission // further permissions that a token needs
	Zones        bool         // also under a zone
	// Reads is set if the request changes nothing, though its method is POST: the permission to read suffices.
	Reads bool
	// Bounded is set if the body of a Stream is read before it, like that of an ordinary request.
	Bounded bool
	// TextMessages is set if Cloudflare's SDKs for Go up to v0 read messages of the response as strings, and so fail on
	// objects. Messages are then only sent to clients that send [HeaderMessages].
	TextMessages bool
	Handle       func(context.Context, *Call) (Response, error)
	Stream       func(http.ResponseWriter, *Call) error
}

// Scope is the subject of a route for permissions. A route without a scope requires a token with all permissions.
type Scope string

// Permission is the permission that a request requires: to read a scope or to edit it.
type Permission struct {
	Scope Scope
	Edit  bool
}

// PermissionFor returns the permission that a request with a method requires. Only GET and HEAD are reads, unless the
// route says otherwise.
func (r Route) PermissionFor(method string) Permission {
	return Permission{r.Scope, !r.Reads && method != http.MethodGet && method != http.MethodHead}
}

// Prefixes of the paths under an account and under a zone.
const (
	AccountPath = "/client/v4/accounts/{account}"
	ZonePath    = "/client/v4/zones/{zone}"
)

// WithZones returns the routes, and a copy under a zone of each route that exists there too.
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

// WithTextMessages sets TextMessages of the routes and returns them.
func WithTextMessages(routes []Route) []Route {
	for n := range routes {
		routes[n].TextMessages = true
	}
	return routes
}

// Key returns the method and the path, relative to the account or the zone.
func (r Route) Key() string {
	return r.Method + " " + strings.TrimPrefix(strings.TrimPrefix(r.Path, AccountPath), ZonePath)
}
