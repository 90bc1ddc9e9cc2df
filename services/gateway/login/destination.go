package login

import (
	"net/url"
	"path"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/appmatch"
	"plumbline.dev/services/internal/hostname"
)

// maxPath bounds the path, with its query, that a person is sent back to, in bytes: it goes through the
// provider, and some refuse a state of more than 4,000 characters.
const maxPath = 2048

// isPath tells a path, perhaps with a query, that is safe to send a browser to on an origin of ours: one that
// no browser takes for another host, and that is none of our own endpoints.
func isPath(s string) bool {
	if s == "" || len(s) > maxPath || s[0] != '/' || strings.HasPrefix(s, "//") {
		return false
	}
	for i := range len(s) {
		// Browsers take a backslash for a slash and drop tabs and line ends.
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

// ourPaths is what all our endpoints are under: who is sent to the logout after a login has none.
const ourPaths = "/cdn-cgi/access"

// pathOf is the path and query of a request in the form that isPath allows; where they cannot be had, less.
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

// originOf is the origin that a person who asked for u is sent back to, false where there is none that may
// be: a code on its way goes to this origin, so it must not be one that a stranger has a part in. It is https
// wherever the team domain is; and its port is the scheme's own, the team domain's, or one that the
// application names. Another port of the same host may be somebody else's.
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

// namesPort tells whether a destination that covers u names its port.
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
