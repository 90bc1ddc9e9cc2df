package login

import (
	"net/url"
	"path"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/hostname"
)

// maxPath bounds the path and query for the return from a login, in bytes. They pass through the provider, and some
// providers reject a state of more than 4,000 characters.
const maxPath = 2048

// isPath reports whether s is a path, perhaps with a query, that is a safe redirect target on one of our origins: no
// browser interprets it as another host, and it is none of our own endpoints.
func isPath(s string) bool {
	if s == "" || len(s) > maxPath || s[0] != '/' || strings.HasPrefix(s, "//") {
		return false
	}
	for i := range len(s) {
		// Browsers treat a backslash as a slash and drop tabs and line ends.
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			return false
		}
	}
	u, err := url.ParseRequestURI(s)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.Contains(s, "#") {
		return false
	}
	clean := path.Clean(u.Path)
	return clean != ourPaths && !strings.HasPrefix(clean, ourPaths+"/")
}

// ourPaths is the prefix of all our endpoints. A login must not return to one of them: it could be the logout.
const ourPaths = "/cdn-cgi/access"

// pathOf returns the path and query of a request in the form required by isPath. It drops the parts that cannot be
// represented.
func pathOf(u *url.URL) string {
	p := u.EscapedPath()
	if u.RawQuery != "" && isPath(p+"?"+u.RawQuery) {
		return p + "?" + u.RawQuery
	}
	if isPath(p) {
		return p
	}
	return "/"
}

// originOf returns the origin for the return from a login for u, or false if no safe one exists. The code is sent to
// this origin, so no stranger may control it. It uses https if the team domain does. Its port must be the scheme's
// default, the team domain's, or one named by the application: another port of the host may belong to others.
func originOf(u *url.URL, app *proto.Application, team *url.URL) (string, bool) {
	host, err := hostname.Parse(u.Host)
	scheme := strings.ToLower(u.Scheme)
	if err != nil || (scheme != "http" && scheme != "https") {
		return "", false
	}
	port := host.Port
	if scheme == "http" && team.Scheme == "https" {
		if port != "" && port != "80" {
			return "", false
		}
		scheme, port = "https", ""
	}
	if port == defaultPort(scheme) {
		port = ""
	}
	if port != "" && port != team.Port() && !namesPort(app, u, port) {
		return "", false
	}
	return scheme + "://" + hostname.Host{Name: host.Name, Port: port}.String(), true
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// namesPort reports whether a destination that covers u names its port.
func namesPort(app *proto.Application, u *url.URL, port string) bool {
	for _, d := range app.Domains {
		p, err := appmatch.Parse(d)
		if err != nil || !p.Covers(u) {
			continue
		}
		hostport, _, _ := strings.Cut(p.String(), "/")
		if strings.HasSuffix(hostport, ":"+port) {
			return true
		}
	}
	return false
}
