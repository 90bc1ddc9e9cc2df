package forward

import (
	"crypto/x509"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/services/gateway/gate"
)

func TestEnvoyIsToldWhatToChange(t *testing.T) {
	e := newEnvoy(t, nil)
	forged := []string{"Cf-Access-Jwt-Assertion", "forged", "Cf_Access_Jwt_Assertion", "forged",
		"Cf-Access-Authenticated-User-Email", "forged", "Cf-Access-Token", "forged", "Cf-Ray", "forged", "X-Original-Url",
		"/public", "X-Forwarded-Proto", "https", "X-Forwarded-For", "198.51.100.7",
		"X-Forwarded-Host", "evil.example.com", "Accept", "*/*", "X-Request-Id", "1"}
	untouched := map[string]string{"X-Forwarded-Proto": "https", "X-Forwarded-For": "198.51.100.7", "Accept": "*/*",
		"X-Request-Id": "1", "Cf-Ray": ray}
	for _, c := range []struct {
		name, path string
		header     []string
		want       map[string]string
	}{
		{"a service", "/a/b?c=d", []string{"Cf-Access-Client-Id", "good", "Cf-Access-Client-Secret", "s", "Cookie", "a=b; CF_Authorization=x; c=d", "Authorization", "Basic abc"},
			map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service", "Cookie": "a=b; c=d",
				"Authorization": "Basic abc"}},
		{"our cookie alone", "/", []string{"Cf-Access-Client-Id", "good", "Cookie", "CF_Authorization=x"},
			map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service"}},
		{"the application's header", "/", []string{"X-Creds", "{}"}, map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service"}},
		{"Authorization", "/", []string{"Authorization", "{}"}, map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service"}},
		{"a person", "/", []string{"Cookie", "CF_Authorization=person; a=b"},
			map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-bob",
				"Cf-Access-Authenticated-User-Email": "bob@example.com", "Cookie": "a=b; CF_Authorization=signed-for-bob"}},
		{"a bypass", "/public", nil, nil},
	} {
		for _, form := range []string{"each line", "joined"} {
			t.Run(c.name+", "+form, func(t *testing.T) {
				at := attributes("GET", c.path, append(c.header, forged...)...)
				if form == "joined" {
					at = joined(at)
				}
				answer := e.check(at)
				if answer.GetStatus().GetCode() != int32(codes.OK) || answer.GetOkResponse() == nil {
					t.Fatalf("not admitted: %v", answer)
				}
				got := apply(headerOf(at), answer.GetOkResponse())
				for name, value := range untouched {
					if strings.Join(got[name], "|") != value {
						t.Errorf("%s: %q, want %q", name, got[name], value)
					}
					delete(got, name)
				}
				for name, value := range c.want {
					if strings.Join(got[name], "|") != value {
						t.Errorf("%s: %q, want %q", name, got[name], value)
					}
					delete(got, name)
				}
				if len(got) > 0 {
					t.Errorf("the origin gets %v, too", got)
				}
				q := e.gate.last(t)
				if q.Method != "GET" || q.URL.String() != "https://app.example.com"+c.path || q.Peer.String() != "198.51.100.7" {
					t.Errorf("decided about %s %s from %s", q.Method, q.URL, q.Peer)
				}
			})
		}
	}
	t.Run("headers that Envoy does not tell of", func(t *testing.T) {
		removed := e.check(attributes("GET", "/public")).GetOkResponse().GetHeadersToRemove()
		for _, name := range []string{"cf-access-jwt-assertion", "cf-access-authenticated-user-email", "cf-access-client-id",
			"cf-access-client-secret", "cf-access-token"} {
			if !slices.Contains(removed, name) {
				t.Errorf("%s stays; removed are %v", name, removed)
			}
		}
	})
	t.Run("a cookie for the client", func(t *testing.T) {
		add := e.check(attributes("GET", "/", "Cf-Access-Client-Id", "good")).GetOkResponse().GetResponseHeadersToAdd()
		if len(add) != 1 || add[0].Header.Key != "set-cookie" || add[0].Header.Value != "CF_Authorization=v" {
			t.Errorf("%v", add)
		}
	})
	t.Run("what a trusted proxy says stays", func(t *testing.T) {
		at := attributes("GET", "/public", "X-Forwarded-For", "203.0.113.1, 198.51.100.7", "X-Forwarded-Host",
			"app.example.com")
		at.Source = source("10.0.0.1")
		if got := apply(headerOf(at), e.check(at).GetOkResponse()); got.Get("X-Forwarded-Host") != "app.example.com" {
			t.Errorf("%v", got)
		}
		if q := e.gate.last(t); q.Peer.String() != "198.51.100.7" {
			t.Errorf("from %s", q.Peer)
		}
	})
}

func TestEnvoyIsToldWhatToAnswer(t *testing.T) {
	e := newEnvoy(t, nil)
	for _, c := range []struct {
		name, method, path string
		header             []string
		status             int
		code               codes.Code
		has                map[string]string
		body               string
	}{
		{"nobody", "GET", "/", nil, 302, codes.PermissionDenied, map[string]string{"location": "https://team.example.com/login?a=b&c=d", "set-cookie": "CF_AppSession=1"}, ""},
		{"a wrong secret", "GET", "/", []string{"Cf-Access-Client-Id", "wrong"}, 401, codes.Unauthenticated, map[string]string{"www-authenticate": "Cloudflare-Access"}, "wrong"},
		{"denied", "GET", "/denied", nil, 403, codes.PermissionDenied, map[string]string{"content-type": "text/html", "vary": "Accept|Origin"}, "<h1>denied</h1>"},
		{"stale", "GET", "/stale", nil, 503, codes.PermissionDenied, map[string]string{"retry-after": "5"}, "stale"},
		{"undecided", "GET", "/nothing", nil, 403, codes.PermissionDenied, nil, ""},
		{"a preflight request", "OPTIONS", "/", nil, 200, codes.PermissionDenied, map[string]string{"access-control-allow-origin": "*"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := e.check(attributes(c.method, c.path, c.header...))
			no := answer.GetDeniedResponse()
			if no == nil || int(no.GetStatus().GetCode()) != c.status || codes.Code(answer.GetStatus().GetCode()) != c.code ||
				c.body != "" && no.GetBody() != c.body {
				t.Fatalf("%v", answer)
			}
			got := map[string][]string{}
			for _, o := range no.GetHeaders() {
				if o.AppendAction == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
					got[o.Header.Key] = nil
				}
				got[o.Header.Key] = append(got[o.Header.Key], o.Header.Value)
			}
			for name, value := range c.has {
				if strings.Join(got[name], "|") != value {
					t.Errorf("%s: %q, want %q", name, got[name], value)
				}
			}
		})
	}
}

// No request from Envoy gets an error as its response, because Envoy may treat an error as permission.
func TestRequestsThatEnvoyDoesNotDescribe(t *testing.T) {
	e := newEnvoy(t, nil)
	with := func(change func(*authv3.AttributeContext)) *authv3.AttributeContext {
		a := attributes("GET", "/public")
		change(a)
		return a
	}
	for name, at := range map[string]*authv3.AttributeContext{
		"nothing":    nil,
		"no request": {Source: source("198.51.100.7")},
		"no source":  with(func(a *authv3.AttributeContext) { a.Source = nil }),
		"a pipe": with(func(a *authv3.AttributeContext) {
			a.Source.Address = &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: "/x"}}}
		}),
		"no method":         with(func(a *authv3.AttributeContext) { a.Request.Http.Method = "" }),
		"no host":           with(func(a *authv3.AttributeContext) { a.Request.Http.Host = "" }),
		"a host with path":  with(func(a *authv3.AttributeContext) { a.Request.Http.Host = "a/b" }),
		"no scheme":         with(func(a *authv3.AttributeContext) { a.Request.Http.Scheme = "" }),
		"no path":           with(func(a *authv3.AttributeContext) { a.Request.Http.Path = "" }),
		"CONNECT":           with(func(a *authv3.AttributeContext) { a.Request.Http.Path = "app.example.com:443" }),
		"a whole URL":       with(func(a *authv3.AttributeContext) { a.Request.Http.Path = "http://evil.example.com/public" }),
		"a bad header name": attributes("GET", "/public", "a b", "c"),
		"no header name":    attributes("GET", "/public", "", "c"),
		"two schemes":       attributes("GET", "/public", "X-Forwarded-Proto", "https", "X-Forwarded-Proto", "http"),
		"a scheme of two":   attributes("GET", "/public", "X-Forwarded-Proto", "https,http"),
		"an unknown address": with(func(a *authv3.AttributeContext) {
			a.Source = source("10.0.0.1")
			a.Request.Http.HeaderMap.Headers[0] = &corev3.HeaderValue{Key: "x-forwarded-for", Value: "unknown"}
		}),
	} {
		if no := e.check(at).GetDeniedResponse(); no.GetStatus().GetCode() != http.StatusBadRequest {
			t.Errorf("%s: %v", name, no)
		}
	}
	if e.gate.count() != 0 {
		t.Errorf("%d were decided", e.gate.count())
	}
	e.check(attributes("GET", "/x", "X-Forwarded-Proto", "http"))
	if q := e.gate.last(t); q.URL.Scheme != "http" {
		t.Errorf("the client's own scheme counts: %s", q.URL)
	}
	e.gate.panic = true
	if no := e.check(attributes("GET", "/public")).GetDeniedResponse(); no.GetStatus().GetCode() !=
		http.StatusInternalServerError || strings.Contains(no.GetBody(), "SECRET") {
		t.Errorf("a panic: %v", no)
	}
}

func TestOnlyTheNamedEnvoysMayAsk(t *testing.T) {
	e := newEnvoy(t, func(cfg *AuthzConfig) { cfg.From = prefixes("192.0.2.0/24") })
	if no := e.check(attributes("GET", "/public")).GetDeniedResponse(); no.GetStatus().GetCode() != http.StatusForbidden {
		t.Errorf("%v", no)
	}
	if e.gate.count() != 0 {
		t.Error("something was decided")
	}
}

func TestTheServerOfEnvoys(t *testing.T) {
	e := newEnvoy(t, nil)
	healthy := grpc_health_v1.NewHealthClient(e.conn)
	for _, name := range []string{"", serviceName} {
		if got, err := healthy.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name}); err != nil ||
			got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	_, err := e.client.Check(t.Context(),
		&authv3.CheckRequest{Attributes: attributes("GET", "/public", "X", strings.Repeat("x", maxMessage))})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("a message that is too large: %v", err)
	}
	taken := &Authz{cfg: AuthzConfig{Addr: e.conn.Target()}, deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	if err := taken.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--ext-authz-addr") {
		t.Errorf("an address that is taken: %v", err)
	}
	watch, err := healthy.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{}) // an endless stream
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if took := machine.Took(func() { err = e.stop() }); err != nil || took > 20*time.Second {
		t.Errorf("stopped after %v: %v", took, err)
	}
}

// Any attributes get a response, and the decision is about the request that Envoy sends.
func FuzzAttributes(f *testing.F) {
	f.Add("GET", "https", "app.example.com", "/public", "cookie", "a=b", "198.51.100.7", "")
	f.Add("CONNECT", "", "a:1", "a:1", ":path", "", "x", "%2B")
	f.Add("0", "http", "0A", "/\"", "0", "0", "0.0.0.0", "0") // a normalized host and path
	d := new(decider)
	s, err := NewAuthz(AuthzConfig{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		DeviceCA: x509.NewCertPool},
		Deps{Gate: d, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, scheme, host, path, name, value, address, cert string) {
		at := attributes(method, path, name, value)
		at.Request.Http.Scheme, at.Request.Http.Host, at.Source = scheme, host, source(address)
		at.Source.Certificate = cert
		q, err := s.describe(at)
		if err != nil {
			return
		}
		want, err := url.ParseRequestURI(path)
		if err != nil {
			t.Fatalf("%q became %q", path, q.URL.RequestURI())
		}
		sent := *want
		want.Host = host
		gate.Normalize(want)
		if q.URL.Host != want.Host || q.Method != method {
			t.Errorf("%q %q became %q %q", method, host, q.Method, q.URL.Host)
		}
		if want.RequestURI() != q.URL.RequestURI() || sent.Path != q.URL.Path || sent.RawQuery != q.URL.RawQuery {
			t.Errorf("%q became %q", path, q.URL.RequestURI())
		}
		q.admitted(d.Check(t.Context(), &q.Request))
	})
}
