package egress

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode"

	"plumbline.dev/services/internal/hostname"
)

// maxURL bounds a URL, in bytes, as it was given and as it is sent: with its path escaped and its host in ASCII.
const maxURL = 2048

// ParseURL parses a URL given by a user. Its error is an *[Error] of kind [BadURL] or [Denied] with a sentence for
// the user. The addresses of a name are checked only at the call.
func ParseURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, badURL("The URL is empty.")
	}
	if len(raw) > maxURL {
		return nil, badURL("The URL is longer than %d bytes.", maxURL)
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return nil, badURL("The URL has a blank or a control character in it.")
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, badURL("The URL cannot be read; it should look like https://host/path.")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, badURL("The URL must begin with https:// or http://.")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, badURL("The URL names no host.")
	case u.User != nil:
		return nil, badURL("The URL has a user name or a password in it; credentials do not belong there.")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, badURL("The URL has a fragment (#...), and fragments are never sent.")
	}
	if strings.Contains(u.Hostname(), "%") {
		return nil, badURL("The URL's address has a zone (%%...), and zones are only valid on one machine.")
	}
	host, err := hostname.Parse(u.Host)
	if err != nil {
		return nil, badURL("The URL cannot be called: %s.", err)
	}
	u.Host = host.String() // compared values, such as an application's destination, have this form too
	if len(u.String()) > maxURL {
		return nil, badURL("The URL is longer than %d bytes once it is escaped.", maxURL)
	}
	a, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		return u, nil
	}
	a = plainAddr(a)
	if why := deniedReason(a); why != "" {
		return nil, denied("%s is %s; such addresses are never called.", a, why)
	}
	if u.Scheme == "http" && !allowsPlainHTTP(a) {
		return nil, denied("%s is a public address, and plain http may only go to loopback and private ones; use https.", a)
	}
	return u, nil
}
