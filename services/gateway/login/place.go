package login

import (
	"net/url"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/catalog"
)

// pathOfApp returns the cookie path of an application with path-bound cookies: the longest path of the destinations
// that cover u.
func pathOfApp(app *proto.Application, u *url.URL) string {
	longest := "/"
	for _, d := range app.Domains {
		if p, err := appmatch.Parse(d); err == nil && p.Covers(u) {
			if found := boundPath(p); len(found) > len(longest) {
				longest = found
			}
		}
	}
	return longest
}

// boundPaths returns all possible cookie paths of an application.
func boundPaths(app *proto.Application) []string {
	var all []string
	for _, d := range app.Domains {
		if p, err := appmatch.Parse(d); err == nil {
			all = append(all, boundPath(p))
		}
	}
	return all
}

// boundPath returns a destination's path up to its first wildcard, in whole segments.
func boundPath(p appmatch.Pattern) string {
	_, rest, _ := strings.Cut(p.String(), "/")
	if at := strings.IndexByte(rest, '*'); at >= 0 {
		rest = rest[:strings.LastIndexByte(rest[:at], '/')+1]
	}
	path := "/" + strings.TrimSuffix(rest, "/")
	if strings.ContainsAny(path, ";,\"") || !isPath(path) {
		return "/"
	}
	return path
}

// covers reports whether a URL belongs to app.
func (l *Login) covers(app catalog.Record[proto.Application], u *url.URL) bool {
	found, ok := l.gate.Find(u)
	return ok && found.Account == app.Account && found.Value.ID == app.Value.ID
}

// onHost reports whether an application has a destination on the host of a URL, on any path.
func onHost(app *proto.Application, u *url.URL) bool {
	root := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil {
			continue
		}
		hostport, _, _ := strings.Cut(p.String(), "/")
		if p, err = appmatch.Parse(hostport); err == nil && p.Covers(root) {
			return true
		}
	}
	return false
}
