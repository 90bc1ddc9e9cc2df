package apitoken

import (
	"net/http"
	"net/netip"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// presented holds the credentials of a request.
type presented struct {
	secret string
	key    bool   // sent as X-Auth-Key, so the e-mail address must match
	email  string // lower-case
}

// readCredentials reads the credentials of a request. Any of the three headers may hold a token's value. An empty
// header is ignored, since clients send "Authorization: Bearer " beside other credentials (api/README.md 1.2). Headers
// with different values are an error: the caller would be ambiguous.
func readCredentials(h http.Header) (presented, error) {
	bearer, err1 := single(h, v4.HeaderBearer)
	key, err2 := single(h, v4.HeaderKey)
	email, err3 := single(h, v4.HeaderEmail)
	service, err4 := single(h, v4.HeaderServiceKey)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			return presented{}, err
		}
	}
	if bearer != "" {
		scheme, secret, _ := strings.Cut(bearer, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return presented{}, unauthenticated("%s must be Bearer followed by an API token", v4.HeaderBearer)
		}
		bearer = strings.TrimSpace(secret)
	}
	if key != "" && email == "" {
		return presented{}, unauthenticated("%s requires %s", v4.HeaderKey, v4.HeaderEmail)
	}
	p := presented{key: key != "", email: strings.ToLower(email)}
	for _, secret := range []string{bearer, key, service} {
		if secret != "" && p.secret != "" && secret != p.secret {
			return presented{}, unauthenticated("the request has several different credentials: send only one")
		}
		if secret != "" {
			p.secret = secret
		}
	}
	if p.secret == "" {
		return presented{}, errNoCredentials
	}
	return p, nil
}

// single returns the value of a header. A repeated header must have the same value each time.
func single(h http.Header, name string) (string, error) {
	value := ""
	for _, v := range h.Values(name) {
		v = strings.TrimSpace(v)
		if v != "" && value != "" && v != value {
			return "", unauthenticated("the header %s is repeated with different values", name)
		}
		if v != "" {
			value = v
		}
	}
	return value, nil
}

// unauthenticated returns [errAuthentication] with advice. Use it only where the advice does not help to guess a token.
func unauthenticated(format string, args ...any) *v4.Error {
	return v4.Errorf(http.StatusForbidden, v4.CodeAuthentication, "Authentication error: "+format, args...)
}

// usableFrom reports whether a token may be used from an address.
func usableFrom(t *proto.APIToken, from netip.Addr) bool {
	within := func(list []string) bool {
		for _, text := range list {
			if p, err := netip.ParsePrefix(text); err == nil && p.Contains(from) {
				return true
			}
		}
		return false
	}
	switch {
	case len(t.AllowFrom) == 0 && len(t.DenyFrom) == 0:
		return true
	case !from.IsValid(), within(t.DenyFrom):
		return false
	}
	return len(t.AllowFrom) == 0 || within(t.AllowFrom)
}

var (
	errAuthentication = v4.Errorf(http.StatusForbidden, v4.CodeAuthentication, "Authentication error")
	// errNoCredentials has the message of [errAuthentication].
	errNoCredentials = v4.Errorf(http.StatusForbidden, v4.CodeAuthentication, "Authentication error")
)
