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

// dialect is the protocol of one kind of proxy.
type dialect struct {
	name string
	// read extracts the description of the original request.
	read func(http.Header) (*original, error)
	// answer writes the response for a denied request.
	answer func(http.ResponseWriter, *gate.Response)
	// empties adds the headers that an admitted request must not have, with an empty value.
	empties bool
	// onlyAnswers marks the second request for the full response after a denial.
	onlyAnswers bool
}

// original is a request as described by a proxy.
type original struct {
	method, scheme, host string
	uri                  string // as in the request line: path and query
}

// readForwarded reads the headers of Traefik and Caddy. Both set all four and replace the client's.
func readForwarded(h http.Header) (o *original, err error) {
	o = new(original)
	for _, part := range []struct {
		name string
		into *string
	}{{"X-Forwarded-Method", &o.method}, {"X-Forwarded-Proto", &o.scheme}, {"X-Forwarded-Host", &o.host},
		{"X-Forwarded-Uri", &o.uri}} {
		if *part.into, err = single(h, part.name); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// readOriginal reads the headers of nginx, as set by its configuration.
func readOriginal(h http.Header) (o *original, err error) {
	o = new(original)
	if o.method, err = single(h, "X-Original-Method"); err != nil {
		return nil, err
	}
	whole, err := single(h, "X-Original-Url")
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

// single returns the value of a header that must occur exactly once.
func single(h http.Header, name string) (string, error) {
	switch values := h[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", fmt.Errorf("the header %s is missing", name)
	case len(values) > 1:
		return "", fmt.Errorf("the header %s occurs %d times", name, len(values))
	default:
		return values[0], nil
	}
}

// request builds the original request, with the headers forwarded by the proxy.
func (o *original) request(h http.Header, client netip.Addr) (*gate.Request, error) {
	if o.scheme = schemeOf(o.scheme); o.scheme == "" {
		return nil, errors.New("the scheme is neither http nor https")
	}
	if o.method == "" || len(o.method) > 64 || strings.ContainsFunc(o.method, func(r rune) bool { return !tokenRune(r) }) {
		return nil, errors.New("the method is invalid")
	}
	// The gate checks the host further. Here it must not contain delimiters of a URL.
	if o.host == "" || strings.ContainsAny(o.host, "/?#@\\ ,") {
		return nil, errors.New("the host is not a name or an address, with or without a port")
	}
	if !strings.HasPrefix(o.uri, "/") ||
		strings.ContainsFunc(o.uri, func(r rune) bool { return r <= ' ' || r == '#' || r == 0x7f }) {
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

// misspelt returns a header that some servers treat as one that clients must not set, and that a proxy removing those
// by name would miss; empty: none.
func misspelt(h http.Header) string {
	for name := range h {
		if headername.Misspelt(name) {
			return name
		}
	}
	return ""
}

func tokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
