// Package teamdomain parses the team domain, the URL for logins and public keys. All services share it, so that they
// write and expect the same issuer in tokens.
package teamdomain

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Issuer returns the team domain as used in the iss claim: as configured, without a trailing slash. A non-ASCII host
// is converted to A-labels, as browsers and verifiers do.
func Issuer(text string) (string, error) {
	if text == "" {
		return "", errors.New("the team domain is missing: give the URL for logins, such as https://team.example.com")
	}
	s := strings.TrimSuffix(text, "/")
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" ||
		u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("team domain %q is not of the form https://team.example.com", text)
	}
	host, err := hostname.Parse(u.Host)
	if err != nil {
		return "", fmt.Errorf("team domain %q: %w", text, err)
	}
	if strings.HasSuffix(strings.ToLower(s), host.String()) {
		return s, nil
	}
	u.Host = host.String()
	return u.String(), nil
}

// Parse returns the URL of a team domain with a canonical host, without the scheme's default port.
func Parse(text string) (*url.URL, error) {
	issuer, err := Issuer(text)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	host, err := hostname.Parse(u.Host)
	if err != nil {
		return nil, err
	}
	if host.Port == (hostname.Host{}).PortOf(u.Scheme) {
		host.Port = ""
	}
	u.Host = host.String()
	return u, nil
}
