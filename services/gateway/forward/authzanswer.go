package forward

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"plumbline.dev/services/gateway/gate"
)

// alwaysRemoved lists headers to remove unless they are set, because an Envoy may be configured not to list a request's
// headers.
var alwaysRemoved = []string{"Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Access-Client-Id",
	"Cf-Access-Client-Secret", "Cf-Access-Token"}

// proxysOwn lists headers that Envoy sets itself and a gateway would replace. The others of their kind stay if a
// trusted proxy in front of Envoy may have set them.
var (
	proxysOwn      = []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Client-Cert"}
	addedByProxies = func(name string) bool {
		return strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip"
	}
)

// admitted tells Envoy which headers to change on the request.
func (d *described) admitted(a *gate.Answer) *authv3.CheckResponse {
	cleaned := d.Header.Clone()
	gate.Clean(cleaned, a)
	ok := new(authv3.OkHttpResponse)
	for _, name := range sorted(cleaned) {
		if !slices.Equal(cleaned[name], d.Header[name]) {
			separator := ", "
			if name == "Cookie" {
				separator = "; "
			}
			ok.Headers = append(ok.Headers, header(name, strings.Join(cleaned[name], separator), false))
		}
	}
	gone := func(name string) {
		if _, stays := cleaned[name]; !stays && !slices.Contains(ok.HeadersToRemove, strings.ToLower(name)) {
			ok.HeadersToRemove = append(ok.HeadersToRemove, strings.ToLower(name))
		}
	}
	for _, name := range alwaysRemoved {
		gone(name)
	}
	for _, name := range sorted(d.Header) {
		if !slices.Contains(proxysOwn, name) && !(d.behind && addedByProxies(name)) {
			gone(name)
		}
	}
	for _, c := range a.SetCookies {
		ok.ResponseHeadersToAdd = append(ok.ResponseHeadersToAdd, header("Set-Cookie", c.String(), true))
	}
	return &authv3.CheckResponse{Status: &status.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: ok}}
}

// denied tells Envoy to answer with our response. Any status is possible, including 200.
func denied(r *gate.Response) *authv3.CheckResponse {
	httpCode := typev3.StatusCode(r.Status) //nolint:gosec // three digits
	no := &authv3.DeniedHttpResponse{Status: &typev3.HttpStatus{Code: httpCode}}
	if utf8.Valid(r.Body) {
		no.Body = string(r.Body)
	}
	for _, name := range sorted(r.Header) {
		if name == "Content-Length" {
			continue // set by Envoy
		}
		for i, value := range r.Header[name] {
			no.Headers = append(no.Headers, header(name, value, i > 0 || name == "Set-Cookie"))
		}
	}
	code := codes.PermissionDenied
	if r.Status == http.StatusUnauthorized {
		code = codes.Unauthenticated
	}
	return &authv3.CheckResponse{Status: &status.Status{Code: int32(code)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: no}}
}

// header sets or appends a header. The older field for this choice stays unset, and older Envoys then overwrite.
func header(name, value string, add bool) *corev3.HeaderValueOption {
	action := corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
	if add {
		action = corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
	}
	return &corev3.HeaderValueOption{Header: &corev3.HeaderValue{Key: strings.ToLower(name), Value: value},
		AppendAction: action}
}

func sorted(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
