package forward

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"plumbline.dev/services/gateway/gate"
	"plumbline.dev/services/internal/headername"
)

// dialect is how one kind of proxy asks.
type dialect struct {
	name string
	// read finds how the original request is described.
	read func(http.Header) (*original, error)
	// answer writes what a request that is not admitted is answered with.
	answer func(http.ResponseWriter, *gate.Response)
	// empties names the headers that an admitted request must not have, too, with an empty value.
	empties bool
	// onlyAnswers asks again about a request that was not admitted, for the whole answer.
	onlyAnswers bool
}

// original is a request as a proxy describes it.
type original struct {
	method, scheme, host string
	uri                  string // as in the request's first line: path and query
}

// readForwarded is for Traefik and Caddy: both set all four, in place of what a client sent.
func readForwarded(h http.Header) (o *original, err error) {
	o = new(original)
	for _, part := range []struct {
		name string
		into *string
	}{{"X-Forwarded-Method", &o.method}, {"X-Forwarded-Proto", &o.scheme}, {"X-Forwarded-Host", &o.host}, {"X-Forwarded-Uri", &o.uri}} {
		if *part.into, err = one(h, part.name); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readOriginal is for nginx, whose configuration sets what it tells.
func readOriginal(h http.Header) (o *original, err error) {
	o = new(original)
	if o.method, err = one(h, "X-Original-Method"); err != nil {
		return nil, err
	}
	whole, err := one(h, "X-Original-Url")
	if err != nil {
		return nil, err
	}
	scheme, rest, ok := strings.Cut(whole, "://")
	slash := strings.IndexByte(rest, '/')
	if !ok || slash < 0 {
		return nil, errors.New("X-Original-URL is not of the form https://host/path")
	}
	o.scheme, o.host, o.uri = scheme, rest[:slash], rest[slash:]
	return o, nil
}

// one is the value of a header that has to be there once.
func one(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", fmt.Errorf("the header %s is missing", name)
	case len(values) > 1:
		return "", fmt.Errorf("the header %s is there %d times", name, len(values))
	default:
		return values[0], nil
	}
}

// request makes the original request, with the headers that the proxy passed on.
func (o *original) request(h http.Header, client netip.Addr) (*gate.Request, error) {
	if o.scheme = schemeOf(o.scheme); o.scheme == "" {
		return nil, errors.New("the scheme is neither http nor https")
	}
	if o.method == "" || len(o.method) > 64 || strings.ContainsFunc(o.method, func(r rune) bool { return !tokenRune(r) }) {
		return nil, errors.New("the method is none")
	}
	// Of a host more is checked by the gate; what parts a URL must not be in it.
	if o.host == "" || strings.ContainsAny(o.host, "/?#@\\ ,") {
		return nil, errors.New("the host is not a name or an address, with or without a port")
	}
	if !strings.HasPrefix(o.uri, "/") || strings.ContainsFunc(o.uri, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }) {
		return nil, errors.New("the URI is not a path and a query")
	}
	u, err := url.ParseRequestURI(o.uri)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" {
		return nil, errors.New("the URI is not a path and a query")
	}
	u.Scheme, u.Host = o.scheme, o.host
	gate.Normalize(u)
	return &gate.Request{Method: o.method, URL: u, Header: h, Peer: client}, nil
}

// misspelt returns a header that some servers read as one that clients must not set, and that a proxy which
// removes those by name would leave in place; empty: none.
func misspelt(h http.Header) string {
	for name := range h {
		if headername.Misspelt(name) {
			return name
		}
	}
	return ""
}

func tokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
