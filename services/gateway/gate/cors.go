package gate

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/page"
)

// isPreflight reports whether a request is a CORS preflight. Browsers send preflights without credentials.
func isPreflight(r *Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// isBare reports whether a request is only its head: it changes to no other protocol and has no body. Only such an
// OPTIONS request bypasses the policies (options_preflight_bypass), with or without an Origin, as at Cloudflare.
func isBare(r *Request) bool {
	length := r.Header.Get("Content-Length")
	return !r.Body && len(r.Header["Upgrade"]) == 0 && len(r.Header["Transfer-Encoding"]) == 0 &&
		(length == "" || length == "0")
}

// preflight returns the response to a preflight according to the application's cors_headers, or nil if they do not
// allow the request.
func preflight(c *proto.CORS, r *Request) *Response {
	origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
	h := http.Header{"Vary": {"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}}
	if !allowOrigin(c, origin, h) {
		return nil
	}
	simple := method == http.MethodGet || method == http.MethodHead || method == http.MethodPost
	if !c.AllMethods && !simple && !slices.Contains(c.Methods, method) {
		return nil
	}
	wanted := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ",")
	for name := range strings.SplitSeq(wanted, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !c.AllHeaders &&
			!slices.ContainsFunc(c.Headers, func(s string) bool { return strings.EqualFold(s, name) }) {
			return nil
		}
	}
	// In a response with credentials, browsers do not treat * as a wildcard, so the requested names are listed.
	if c.AllMethods {
		h.Set("Access-Control-Allow-Methods", method)
	} else if len(c.Methods) > 0 {
		h.Set("Access-Control-Allow-Methods", strings.Join(c.Methods, ", "))
	}
	switch {
	case c.AllHeaders && wanted != "":
		h.Set("Access-Control-Allow-Headers", wanted)
	case len(c.Headers) > 0:
		h.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ", "))
	}
	if c.MaxAge != 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(c.MaxAge))
	}
	h.Set("Cache-Control", page.NoStore)
	return &Response{Status: http.StatusNoContent, Header: h}
}

// allowOrigin adds the headers that let the origin read the response, if it may.
func allowOrigin(c *proto.CORS, origin string, h http.Header) bool {
	named := slices.ContainsFunc(c.Origins, func(s string) bool {
		return strings.EqualFold(strings.TrimSuffix(s, "/"), origin)
	})
	switch {
	case named:
		h.Set("Access-Control-Allow-Origin", origin)
	case c.AllOrigins || slices.Contains(c.Origins, "*"):
		// Credentials are never allowed here: any page could then read the person's data.
		h.Set("Access-Control-Allow-Origin", "*")
		return true
	default:
		return false
	}
	if c.Credentials {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	return true
}
