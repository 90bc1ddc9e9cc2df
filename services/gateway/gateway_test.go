package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/bus/bustest"
	"plumbline.dev/bus/bustest/machine"
	"plumbline.dev/proto"
)

// verify checks a token like an origin, with the keys served by the gateway.
func (w *fixture) verify(token, aud string) map[string]any {
	w.Helper()
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(w.get("anything.example.org", "/cdn-cgi/access/certs").body), &keys); err != nil {
		w.Fatal(err)
	}
	set := &oidc.StaticKeySet{}
	for _, k := range keys.Keys {
		set.PublicKeys = append(set.PublicKeys, k.Key)
	}
	verified, err := oidc.NewVerifier("https://team.example.com", set, &oidc.Config{ClientID: aud}).Verify(w.Context(),
		token)
	if err != nil {
		w.Errorf("the origin cannot verify its token: %v", err)
		return nil
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		w.Error(err)
	}
	return claims
}

func TestServiceTokenThroughTheGateway(t *testing.T) {
	w := newFixture(t, Config{})
	app := w.app("app.example.com", w.origin.URL, func(a *proto.Application) {
		a.Gate.TokenHeader = "Authorization"
	}, w.robots())

	got := w.send(
		"POST /a%2Fb/c?x=1;y=%zz&&z HTTP/1.1\r\nHost: APP.example.com\r\nContent-Length: 5\r\nX-Other: kept\r\nCookie: " +
			"a=b; CF_Authorization=forged; c=\"d\"\r\n" +
			strings.Join(w.credentials(), "\r\n") + "\r\n\r\nhello")
	o, ok := got.origin()
	if !ok {
		t.Fatalf("answered with %d %s", got.status, got.body)
	}
	if o.Method != "POST" || o.Body != "hello" || o.URI != "/a%2Fb/c?x=1;y=%zz&&z" || o.Host != "app.example.com" ||
		o.Header.Get("X-Other") != "kept" {
		t.Errorf("the origin got %+v", o)
	}
	if o.Header.Get("Cf-Access-Client-Id") != "" || o.Header.Get("Cf-Access-Client-Secret") != "" ||
		o.Header.Get("Cookie") != `a=b; c="d"` {
		t.Errorf("credentials reached the origin: %v", o.Header)
	}
	if o.Header.Get("X-Forwarded-For") != "127.0.0.1" || o.Header.Get("X-Forwarded-Proto") != "http" ||
		o.Header.Get("Cf-Connecting-Ip") != "127.0.0.1" {
		t.Errorf("the origin is told %v", o.Header)
	}
	token := o.Header.Get("Cf-Access-Jwt-Assertion")
	claims := w.verify(token, app.AUD)
	if claims["common_name"] != w.token.ClientID || claims["type"] != "app" || claims["sub"] != "" {
		t.Errorf("claims %v", claims)
	}
	// The same token each time; the single header as well.
	single := `Authorization: {"cf-access-client-id":"` + w.token.ClientID + `","cf-access-client-secret":"` + w.secret + `"}`
	if o, _ := w.get("app.example.com", "/", single).origin(); o.Header.Get("Cf-Access-Jwt-Assertion") != token ||
		o.Header.Get("Authorization") != "" {
		t.Errorf("the origin got %v", o.Header)
	}
	if o, _ := w.get("app.example.com", "/",
		w.credentials("Authorization: Bearer of the origin")...).origin(); o.Header.Get(
		"Authorization") != "Bearer of the origin" {
		t.Errorf("what is the origin's was taken: %v", o.Header)
	}

	w.token.Disabled = true
	w.saveToken()
	took := machine.Took(func() {
		bustest.Eventually(t, "the token stops working", func() bool {
			return w.get("app.example.com", "/", w.credentials()...).status == 401
		})
	})
	if took > 10*time.Second {
		t.Errorf("a token that was turned off worked for %v", took)
	}
}

// TestNothingForgedPasses attacks the headers an origin trusts.
func TestNothingForgedPasses(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	w.app("open.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	forged := []string{
		"Cf-Access-Jwt-Assertion: forged", "cf-access-jwt-assertion: forged", "CF_ACCESS_JWT_ASSERTION: forged",
		"Cf-Access_Jwt-Assertion: forged", "Cf.Access.Jwt.Assertion: forged",
		"cf_access_authenticated_user_email: forged", "Cf-Access-Authenticated-User-Email: forged", "Cf-Access-Token: forged",
		"Cf-Access-Anything: forged", "Connection: close, cf-access-jwt-assertion, x-forwarded-for, cookie",
		"Cookie: CF_Authorization=forged", "Cookie: x=y;CF_Authorization=forged",
		"Cookie: cf_authorization=forged; CF_AppSession=forged;CF_Session=forged ;  CF_Binding = forged",
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: forged", "X_Forwarded_For: forged", "X-Real-IP: forged",
		"Forwarded: for=forged", "X-Original-URL: /forged", "X-Rewrite-Url: /forged", "X-HTTP-Method-Override: forged",
		"True-Client-IP: forged", "Cf-Connecting-IP: forged", "cf_connecting_ip: forged", "Cf-Ray: forged",
		"Proxy-Connection: forged", "X-Forwarded-Proto: forged",
	}
	for _, host := range []string{"app.example.com", "open.example.com"} {
		credentials := w.credentials()
		if host == "open.example.com" {
			credentials = nil
		}
		o, ok := w.get(host, "/", append(credentials, forged...)...).origin()
		if !ok {
			t.Errorf("%s: the request did not arrive", host)
			continue
		}
		for name, values := range o.Header {
			if strings.Contains(strings.Join(values, " "), "forged") || strings.Contains(strings.Join(values, " "), "6.6.6.6") ||
				strings.Contains(name, "_") {
				t.Errorf("%s: %s: %s reached the origin", host, name, values)
			}
		}
		if want := host == "app.example.com"; (o.Header.Get("Cf-Access-Jwt-Assertion") != "") != want {
			t.Errorf("%s: assertion %q", host, o.Header.Get("Cf-Access-Jwt-Assertion"))
		}
		if o.Header.Get("Cookie") != "x=y" && o.Header.Get("Cookie") != "" || o.Header.Get("X-Forwarded-For") != "127.0.0.1" {
			t.Errorf("%s: the origin got %v", host, o.Header)
		}
	}
}

// TestHostsOnTheWire: the host parsed by net/http is the one used for the decision and sent to the origin.
func TestHostsOnTheWire(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("app.example.com", w.origin.URL, nil, w.robots())
	w.app("open.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	for _, c := range []struct {
		name, request string
		status        int
		host          string // that the origin sees
	}{
		{"plain", "GET / HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 200, "open.example.com"},
		{"absolute form decides", "GET http://open.example.com/ HTTP/1.1\r\nHost: app.example.com\r\n\r\n", 200, "open.example.com"},
		{"absolute form decides, the other way", "GET http://app.example.com/ HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 403, ""},
		{"user information", "GET http://open.example.com@app.example.com/ HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 400, ""},
		{"two hosts", "GET / HTTP/1.1\r\nHost: open.example.com\r\nHost: app.example.com\r\n\r\n", 400, ""},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400, ""},
		{"HTTP/1.0 without", "GET / HTTP/1.0\r\n\r\n", 400, ""},
		{"a tab", "GET / HTTP/1.1\r\nHost: open.example.com\tapp.example.com\r\n\r\n", 400, ""},
		{"trailing dot", "GET / HTTP/1.1\r\nHost: app.example.com.\r\n\r\n", 403, ""},
		{"another port", "GET / HTTP/1.1\r\nHost: app.example.com:1234\r\n\r\n", 403, ""},
		{"X-Forwarded-Host", "GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Forwarded-Host: open.example.com\r\n\r\n", 403, ""},
		{"nobody's", "GET / HTTP/1.1\r\nHost: other.example.com\r\n\r\n", 404, ""},
		{"the team domain has no origin", "GET / HTTP/1.1\r\nHost: team.example.com\r\n\r\n", 404, ""},
		{"CONNECT", "CONNECT open.example.com:443 HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 405, ""},
		{"reserved", "GET /cdn-cgi/x HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 404, ""},
		{"reserved, dressed up", "GET //cdn-cgi/access/certs HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 404, ""},
		{"reserved, encoded", "GET /x/..%2fcdn-cgi/access/certs HTTP/1.1\r\nHost: open.example.com\r\n\r\n", 404, ""},
		{"both lengths", "POST / HTTP/1.1\r\nHost: open.example.com\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "open.example.com"},
		{"two lengths", "POST / HTTP/1.1\r\nHost: open.example.com\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400, ""},
		{"an encoding that nobody knows", "POST / HTTP/1.1\r\nHost: open.example.com\r\nTransfer-Encoding: xchunked\r\n\r\n", 501, ""},
		{"a folded line", "GET / HTTP/1.1\r\nHost: open.example.com\r\nX: y\r\n Cf-Access-Client-Id: z\r\n\r\n", 200, "open.example.com"},
		{"a blank in a name", "GET / HTTP/1.1\r\nHost: open.example.com\r\nCf-Access-Client-Id : z\r\n\r\n", 400, ""},
	} {
		got := w.send(c.request)
		o, _ := got.origin()
		if got.status != c.status || o.Host != c.host {
			t.Errorf("%s: %d, and the origin saw %q; want %d, %q", c.name, got.status, o.Host, c.status, c.host)
		}
	}
}

func TestMetadata(t *testing.T) {
	w := newFixture(t, Config{})
	w.app("app.example.com/admin", w.origin.URL, nil, w.robots())
	for path, status := range map[string]int{"/admin": 200, "/admin/x": 200, "": 404, "/other": 404, "/admin/..%2f": 404} {
		got := w.get("app.example.com", "/.well-known/cloudflare-access-protected-resource"+path)
		if got.status != status {
			t.Errorf("%q: %d, want %d", path, got.status, status)
			continue
		}
		var body struct {
			Resource  string
			Protected bool
			Servers   []string `json:"authorization_servers"`
		}
		if status == 200 && (json.Unmarshal([]byte(got.body), &body) != nil ||
			body.Resource != "http://app.example.com"+path || !body.Protected ||
			!slices.Equal(body.Servers, []string{"https://team.example.com"})) {
			t.Errorf("%q: %s", path, got.body)
		}
	}
}

func TestOriginsThatDoNotAnswer(t *testing.T) {
	w := newFixture(t, Config{})
	open := w.policy(proto.DecisionBypass, "everyone", struct{}{})
	w.app("gone.example.com", "http://127.0.0.1:1", nil, open)
	w.app("none.example.com", "", nil, open)
	w.app("self.example.com", "http://"+w.gateway.AccessAddr(), nil, open)
	w.app("metadata.example.com", "http://169.254.169.254", nil, open)
	w.app("public.example.com", "http://192.0.2.1", nil, open)
	for host, reason := range map[string]string{"gone": "origin_unreachable", "none": "not_served",
		"metadata": "not_served", "public": "not_served"} {
		got := w.get(host+".example.com", "/", "Accept: application/json")
		var body struct{ Reason, Ray string }
		if err := json.Unmarshal([]byte(got.body), &body); err != nil || body.Reason != reason || body.Ray == "" ||
			got.status != 502 {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
}

func TestRunEndsWithStreamsOpen(t *testing.T) {
	w := newFixture(t, Config{})
	release := make(chan struct{})
	w.origin.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.WriteHeader(200)
		rw.(http.Flusher).Flush()
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	w.app("app.example.com", w.origin.URL, nil, w.policy(proto.DecisionBypass, "everyone", struct{}{}))
	r, err := http.NewRequestWithContext(context.Background(), "GET", "http://"+w.gateway.AccessAddr()+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	// The rest is newFixture's: the gateway's end is waited for, and is no error.
}
