//go:build proxies

package proxies

import (
	"bufio"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// forged are headers that must not reach the origin unchanged.
var forged = []string{"Cf-Access-Jwt-Assertion", "forged", "Cf-Access-Authenticated-User-Email", "forged", "Cf-Ray",
	"forged", "Cf-Connecting-Ip", "forged", "X-Original-URL", "/forged", "X-Original-Path", "/forged", "X-Original-Host",
	"forged", "X-Original-Method", "FORGED", "X-Override-URL", "/forged",
	"X-HTTP-Host-Override", "forged", "X-Rewrite-Uri", "/forged", "X-Rewrite-URL", "/forged", "X-Envoy-Original-Path",
	"/forged", "Proxy", "http://forged", "X-Forwarded-For", "forged", "X-Forwarded-Host", "forged", "X-Forwarded-Uri",
	"/forged", "X-Forwarded-Method", "FORGED", "Forwarded", "host=forged",
	"X-Forwarded-User", "forged", "Remote-User", "forged", "X-Auth-Request-Email", "forged", "True-Client-Ip", "forged",
	"X-HTTP-Method-Override", "FORGED"}

// check sends every kind of request for a guarded application.
func check(t *testing.T, s *site) {
	clients := map[string]*http.Client{"http": s.client}
	if s.http2 != nil {
		clients["https"] = s.http2
	}
	for scheme, client := range clients {
		t.Run(scheme, func(t *testing.T) {
			checkRequests(t, s, client, scheme)
			checkPreflights(t, s, client, scheme)
		})
	}
	t.Run("WebSocket", func(t *testing.T) { checkWebSocket(t, s) })
	t.Run("paths", func(t *testing.T) { checkPaths(t, s) })
}

func checkRequests(t *testing.T, s *site, client *http.Client, scheme string) {
	upload, cookies := strings.Repeat("0123456789abcdef", 5<<20/16), "a="+strings.Repeat("c", 6<<10)
	for name, q := range map[string]request{
		"a request":                 {method: "GET", target: "/a?b=c"},
		"forged headers":            {method: "GET", target: "/", header: forged},
		"an upload":                 {method: "POST", target: "/upload", body: upload},
		"a small body":              {method: "PUT", target: "/", body: "x"},
		"large cookies":             {method: "GET", target: "/", header: []string{"Cookie", cookies}},
		"a large Authorization":     {method: "GET", target: "/", header: []string{"Authorization", "Bearer " + strings.Repeat("t", 4000)}},
		"both":                      {method: "GET", target: "/", header: []string{"Authorization", "Bearer " + strings.Repeat("t", 6<<10), "Cookie", cookies}},
		"a query of 4 KB":           {method: "GET", target: "/?q=" + strings.Repeat("q", 4000)},
		"another method":            {method: "DELETE", target: "/x"},
		"OPTIONS, no preflight":     {method: "OPTIONS", target: "/x"},
		"cookies that are not ours": {method: "GET", target: "/", header: []string{"Cookie", "x=1; y=2"}},
	} {
		q.credentials = true
		a, _, arrived := s.send(t, client, scheme, q)
		if a.StatusCode != http.StatusOK || len(arrived) != 1 {
			t.Errorf("%s: answered with %d, %d arrived", name, a.StatusCode, len(arrived))
			continue
		}
		got := arrived[0]
		if got.method != q.method || got.uri != q.target || got.body != digest([]byte(q.body)) {
			t.Errorf("%s: %s %s with %s arrived", name, got.method, got.uri, got.body)
		}
		if len(got.header["Cf-Access-Jwt-Assertion"]) != 1 || got.header.Get("Cf-Access-Client-Secret") != "" {
			t.Errorf("%s: %v arrived", name, got.header)
		}
		for i := 0; i < len(q.header); i += 2 {
			if n := q.header[i]; (n == "Cookie" || n == "Authorization") && got.header.Get(n) != q.header[i+1] {
				t.Errorf("%s: %s arrived with %d bytes of %d", name, n, len(got.header.Get(n)), len(q.header[i+1]))
			}
		}
		for n, values := range got.header {
			if strings.Contains(strings.ToLower(strings.Join(values, " ")), "forged") {
				t.Errorf("%s: %s: %s arrived", name, n, values)
			}
		}
		q.credentials = false
		a, _, arrived = s.send(t, client, scheme, q)
		if len(arrived) > 0 || a.StatusCode != http.StatusForbidden || a.Header.Get("Cf-Access-Aud") == "" {
			t.Errorf("%s without credentials: answered with %d %v, %d arrived", name, a.StatusCode, a.Header, len(arrived))
		}
	}
	wrong := request{method: "GET", target: "/",
		header: []string{"Cf-Access-Client-Id", s.in.token.ClientID, "Cf-Access-Client-Secret", "wrong"}}
	if a, body, arrived := s.send(t, client, scheme, wrong); len(arrived) > 0 || a.StatusCode != http.StatusUnauthorized ||
		!strings.Contains(body, "<html") {
		t.Errorf("a wrong secret: answered with %d %.200s, %d arrived", a.StatusCode, body, len(arrived))
	}
	if a, body, _ := s.send(t, client, scheme, request{method: "GET",
		target: "/cdn-cgi/access/certs"}); a.StatusCode != http.StatusOK || !strings.Contains(body, `"keys"`) {
		t.Errorf("the keys: answered with %d %.200s", a.StatusCode, body)
	}
	for _, of := range []string{"nginx", "traefik", "caddy"} {
		ask := request{method: "GET", target: "/cdn-cgi/access/forward-auth/" + of,
			header: []string{"X-Original-URL", "http://" + host + "/public", "X-Original-Method", "GET",
				"X-Forwarded-Uri", "/public", "X-Forwarded-Method", "GET"}}
		if a, _, arrived := s.send(t, client, scheme, ask); a.StatusCode != http.StatusNotFound || len(arrived) > 0 {
			t.Errorf("a client asks as %s: answered with %d", of, a.StatusCode)
		}
	}
}

// checkPreflights checks the answers to CORS preflights, which carry no credentials: they follow cors_headers.
func checkPreflights(t *testing.T, s *site, client *http.Client, scheme string) {
	for _, c := range []struct {
		origin, method string
		status         int
	}{{allowedOrigin, "PUT", http.StatusNoContent}, {allowedOrigin, "GET", http.StatusNoContent},
		{allowedOrigin, "DELETE", http.StatusForbidden}, {"https://evil.example.com", "PUT", http.StatusForbidden}} {
		q := request{method: "OPTIONS", target: "/api",
			header: []string{"Origin", c.origin, "Access-Control-Request-Method", c.method}}
		a, _, arrived := s.send(t, client, scheme, q)
		allowed := a.Header.Get("Access-Control-Allow-Origin") == allowedOrigin
		if a.StatusCode != c.status || allowed != (c.status == http.StatusNoContent) || len(arrived) > 0 {
			t.Errorf("a preflight of %s for %s: answered with %d %v, %d arrived", c.origin, c.method, a.StatusCode, a.Header,
				len(arrived))
		}
	}
}

func checkWebSocket(t *testing.T, s *site) {
	q := request{method: "GET", target: "/socket",
		header: []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
			"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}}
	if status, arrived, _ := s.raw(t, q); len(arrived) > 0 || status != http.StatusForbidden {
		t.Errorf("without credentials: answered with %d, %d arrived", status, len(arrived))
	}
	q.method = "OPTIONS"
	if status, arrived, _ := s.raw(t, q); len(arrived) > 0 || status == http.StatusSwitchingProtocols {
		t.Errorf("OPTIONS without credentials: answered with %d, %d arrived", status, len(arrived))
	}
	q.method, q.credentials = "GET", true
	status, arrived, rest := s.raw(t, q)
	if status != http.StatusSwitchingProtocols || len(arrived) != 1 ||
		len(arrived[0].header["Cf-Access-Jwt-Assertion"]) != 1 {
		t.Fatalf("with credentials: answered with %d, arrived %v", status, arrived)
	}
	if _, err := io.WriteString(rest, "hello\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(rest).ReadString('\n'); line != "echo hello\n" {
		t.Errorf("the origin says %q, %v", line, err)
	}
	if slices.Contains(arrived[0].header["Connection"], "close") {
		t.Errorf("%v arrived", arrived[0].header)
	}
}

// checkPaths checks that the decision applies to the path received by the origin. Only /public needs no credentials.
func checkPaths(t *testing.T, s *site) {
	for _, target := range []string{"/public", "/public/x", "/public/a%2Fb?c=%2F", "/public/caf%C3%A9", "/public/a%20b"} {
		if status, arrived, _ := s.raw(t, request{method: "GET", target: target}); status != http.StatusOK ||
			len(arrived) != 1 || arrived[0].uri != target {
			t.Errorf("%s: answered with %d, arrived %+v", target, status, arrived)
		}
	}
	for _, target := range []string{"/g%2Fp", "/a%2Fb/c%3Bd", "/a//b", "/a%7Cb", "/a?b=|"} {
		if status, arrived, _ := s.raw(t, request{method: "GET", target: target,
			credentials: true}); status != http.StatusOK || len(arrived) != 1 || arrived[0].uri != target {
			t.Errorf("%s with credentials: answered with %d, arrived %+v", target, status, arrived)
		}
	}
	for _, raw := range []string{"|", "\"", "{", "^", "<", ">", "\\", "`", "\xff", "é"} {
		for _, before := range []string{"/public%2fadmin", "/public%2Fadmin", "/public%2f..%2fadmin", "/public/..%2fadmin",
			"/public/../admin", "//public/../admin", "/public;/../admin"} {
			for _, target := range []string{before, before + raw, raw + before, "/" + raw + before} {
				if _, arrived, _ := s.raw(t, request{method: "GET", target: target}); len(arrived) > 0 &&
					!isPublic(arrived[0].uri) {
					t.Errorf("%q without credentials arrived as %q", target, arrived[0].uri)
				}
			}
		}
	}
}

// isPublic reports whether every origin reads a path as one under /public. A proxy may decode a path itself, as Caddy
// does with raw characters: it then asks about the decoded path and forwards it.
func isPublic(uri string) bool {
	lower := strings.ToLower(uri)
	for _, other := range []string{"%2f", "..", ";", "%25"} {
		if strings.Contains(lower, other) {
			return false
		}
	}
	return uri == "/public" || strings.HasPrefix(uri, "/public/")
}
