// Package teamdomain reads the team domain, the URL at which people log in and verifiers fetch public keys. Every
// service that has it reads it here, so that all write the same issuer into tokens, and expect it.
package teamdomain

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"plumbline.dev/services/internal/hostname"
)

// Issuer is the team domain as the iss claim has it: as it was written, without a slash at the end. A host in other
// letters becomes A-labels, since browsers and verifiers ask for it so.
func Issuer(text string) (string, error) {
	if text == "" {
		return "", errors.New("the team domain is missing: give the URL that people log in at, such as https://team.example.com")
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

// Parse is the URL of a team domain with its host in the one form, without the port that is the scheme's own.
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
