package gate

import (
	"net/http"
	"net/url"
	"testing"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

func TestPreflight(t *testing.T) {
	w := newFixture(t)
	robots := w.policy(proto.DecisionNonIdentity, w.robot())
	w.app("plain.example.com", proto.Gate{}, robots)
	w.app("bypass.example.com", proto.Gate{OptionsBypass: true}, robots)
	w.app("named.example.com", proto.Gate{CORS: &proto.CORS{Origins: []string{"https://spa.example.com/"},
		Methods: []string{"PUT"}, Headers: []string{"X-A"}, Credentials: true, MaxAge: 60}}, robots)
	w.app("all.example.com", proto.Gate{CORS: &proto.CORS{AllOrigins: true, AllMethods: true, AllHeaders: true,
		Credentials: true, MaxAge: -1}}, robots)
	for _, c := range []struct {
		name, host, origin, method, headers string
		status                              int // 0: goes to the origin
		allowOrigin, allowMethods           string
	}{
		{"nobody answers it", "plain", "https://spa.example.com", "PUT", "", 403, "", ""},
		{"it passes", "bypass", "https://spa.example.com", "PUT", "", 0, "", ""},
		{"it passes without an origin", "bypass", "", "", "", 0, "", ""},
		{"it passes without a method", "bypass", "https://spa.example.com", "", "", 0, "", ""},
		{"no preflight", "named", "", "", "", 403, "", ""},
		{"answered", "named", "https://spa.example.com", "PUT", "x-a", 204, "https://spa.example.com", "PUT"},
		{"answered, a simple method", "named", "https://spa.example.com", "GET", "", 204, "https://spa.example.com", "PUT"},
		{"another origin", "named", "https://evil.example.com", "PUT", "", 403, "", ""},
		{"another origin that looks like it", "named", "https://spa.example.com.evil.org", "PUT", "", 403, "", ""},
		{"no origin's name", "named", "null", "PUT", "", 403, "", ""},
		{"another method", "named", "https://spa.example.com", "DELETE", "", 403, "", ""},
		{"another header", "named", "https://spa.example.com", "PUT", "x-a, x-b", 403, "", ""},
		{"everything", "all", "https://any.example.org", "DELETE", "x-y", 204, "*", "DELETE"},
	} {
		h := http.Header{}
		for name, value := range map[string]string{"Origin": c.origin, "Access-Control-Request-Method": c.method,
			"Access-Control-Request-Headers": c.headers} {
			if value != "" {
				h.Set(name, value)
			}
		}
		a := w.ask("OPTIONS", "https://"+c.host+".example.com/x", h)
		if c.status == 0 {
			if !a.Admitted() || a.Decision.Reason != policy.Preflight || a.Assertion != "" {
				t.Errorf("%s: %+v", c.name, a)
			}
			continue
		}
		if a.Response == nil || a.Response.Status != c.status ||
			a.Response.Header.Get("Access-Control-Allow-Origin") != c.allowOrigin ||
			a.Response.Header.Get("Access-Control-Allow-Methods") != c.allowMethods {
			t.Errorf("%s: %+v", c.name, a.Response)
			continue
		}
		if a.Response.Header.Get("Access-Control-Allow-Origin") == "*" &&
			a.Response.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: every page may read what people see", c.name)
		}
	}
}

// Only the head of an OPTIONS request bypasses the policies.
func TestOptionsBypassIsBare(t *testing.T) {
	w := newFixture(t)
	w.app("bypass.example.com", proto.Gate{OptionsBypass: true}, w.policy(proto.DecisionNonIdentity, w.robot()))
	for name, h := range map[string]http.Header{
		"a length":   {"Content-Length": {"5"}},
		"chunks":     {"Transfer-Encoding": {"chunked"}},
		"WebSocket":  {"Upgrade": {"websocket"}},
		"a protocol": {"Upgrade": {"h2c"}, "Origin": {"https://spa.example.com"}, "Access-Control-Request-Method": {"PUT"}},
	} {
		if a := w.ask("OPTIONS", "https://bypass.example.com/x", h); a.Admitted() {
			t.Errorf("with %s: admitted", name)
		}
	}
	u, err := url.Parse("https://bypass.example.com/x")
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []bool{true, false} {
		if a := w.gate.Check(t.Context(),
			&Request{Method: "OPTIONS", URL: u, Header: http.Header{}, Body: body}); a.Admitted() == body {
			t.Errorf("a body that no header announces %t: admitted %t", body, a.Admitted())
		}
	}
	for _, method := range []string{"GET", "options", "POST"} {
		if a := w.ask(method, "https://bypass.example.com/x",
			http.Header{"Origin": {"https://spa.example.com"}}); a.Admitted() {
			t.Errorf("%s: admitted", method)
		}
	}
}
