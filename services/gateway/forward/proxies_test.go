package forward

import (
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The proxies of these tests ask and act as the real ones do that are configured as in deploy/proxies; they
// were compared with nginx 1.22, Caddy 2.6 and 2.11, and the source of Traefik 3.7.

// asksFirst is a reverse proxy with forward auth for every request.
type asksFirst struct {
	gateway string
	origin  *httputil.ReverseProxy
	// describe adds the description of the request to the auth request.
	describe func(question, r *http.Request)
	path     string
	// act modifies an admitted request, or responds to a denied one.
	act func(p *asksFirst, w http.ResponseWriter, r *http.Request, answer *http.Response) (admitted bool)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

func (p *asksFirst) ask(r *http.Request, path string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(r.Context(), "GET", p.gateway+path, nil)
	if err != nil {
		return nil, err
	}
	q.Header = r.Header.Clone()
	for _, hop := range []string{"Connection", "Upgrade", "Te", "Keep-Alive", "Content-Length"} {
		q.Header.Del(hop)
	}
	p.describe(q, r)
	return noRedirects.Do(q)
}

func (p *asksFirst) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, err := p.ask(r, p.path)
	if err != nil {
		w.WriteHeader(500)
		return
	}
	defer answer.Body.Close()
	if p.act(p, w, r, answer) {
		p.origin.ServeHTTP(w, r)
	}
}

func pass(w http.ResponseWriter, answer *http.Response) {
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

func clientIP(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func forwarded(q, r *http.Request) {
	for name, value := range map[string]string{"X-Forwarded-For": clientIP(r), "X-Forwarded-Proto": "http",
		"X-Forwarded-Host": r.Host, "X-Forwarded-Method": r.Method, "X-Forwarded-Uri": r.URL.RequestURI()} {
		q.Header.Set(name, value)
	}
}

func snippet(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../../deploy/proxies/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// traefik is forwardAuth.
func traefik(t *testing.T) *asksFirst {
	text := snippet(t, "traefik.yaml")
	_, after, _ := strings.Cut(text, "authResponseHeadersRegex: '")
	pattern, _, ok := strings.Cut(after, "'")
	if !ok {
		t.Fatal("traefik.yaml has no authResponseHeadersRegex")
	}
	re := regexp.MustCompile(pattern)
	return &asksFirst{path: Path + "traefik", describe: forwarded,
		act: func(_ *asksFirst, w http.ResponseWriter, r *http.Request, a *http.Response) bool {
			if a.StatusCode < 200 || a.StatusCode > 299 {
				pass(w, a)
				return false
			}
			for _, name := range []string{"Authorization", "Cookie", "X-Creds"} {
				r.Header.Del(name)
				if len(a.Header[name]) > 0 {
					r.Header[name] = a.Header[name]
				}
			}
			for name := range r.Header {
				if re.MatchString(name) {
					r.Header.Del(name)
				}
			}
			for name, values := range a.Header {
				if re.MatchString(name) {
					r.Header[name] = values
				}
			}
			for _, c := range a.Cookies() {
				http.SetCookie(w, c)
			}
			return true
		}}
}

// caddy is forward_auth as the Caddyfile writes it out.
func caddy(t *testing.T) *asksFirst {
	text := snippet(t, "Caddyfile")
	var drop []string
	for _, m := range regexp.MustCompile(`(?m)^\s*#? ?request_header -(\S+)$`).FindAllStringSubmatch(text, -1) {
		drop = append(drop, strings.ToLower(m[1]))
	}
	var set []string
	for _, m := range regexp.MustCompile(
		`(?m)^\s*#? ?request_header (?:@\w+ )?(\S+) \{rp\.header\.(\S+)\}$`).FindAllStringSubmatch(text, -1) {
		set = append(set, m[1])
	}
	if len(drop) < 10 || len(set) < 6 {
		t.Fatalf("the Caddyfile drops %v and sets %v", drop, set)
	}
	return &asksFirst{path: Path + "caddy", describe: forwarded,
		act: func(_ *asksFirst, w http.ResponseWriter, r *http.Request, a *http.Response) bool {
			if a.StatusCode < 200 || a.StatusCode > 299 {
				pass(w, a)
				return false
			}
			for name := range r.Header {
				for _, d := range drop {
					prefix, wild := strings.CutSuffix(d, "*")
					if wild && strings.HasPrefix(strings.ToLower(name), prefix) || strings.EqualFold(name, d) {
						r.Header.Del(name)
					}
				}
			}
			for _, name := range set {
				values, there := a.Header[http.CanonicalHeaderKey(name)]
				if !there { // Caddy would not know the placeholder
					t.Errorf("the answer says nothing of %s", name)
				}
				if len(values) > 0 && values[0] != "" {
					r.Header.Set(name, values[0])
				}
			}
			return true
		}}
}

// nginx is auth_request.
func nginx(t *testing.T) *asksFirst {
	text := snippet(t, "nginx.conf")
	var set, clear []string
	for _, m := range regexp.MustCompile(`(?m)^\s*(?:# )?proxy_set_header +(\S+) +\$plumbline_\w+;`).FindAllStringSubmatch(
		text, -1) {
		set = append(set, m[1])
	}
	location, _, _ := strings.Cut(text, "location = /_plumbline")
	for _, m := range regexp.MustCompile(`(?m)^\s*proxy_set_header +(\S+) +"";`).FindAllStringSubmatch(location, -1) {
		clear = append(clear, m[1])
	}
	if len(set) < 6 || len(clear) < 6 {
		t.Fatalf("nginx.conf sets %v and clears %v", set, clear)
	}
	return &asksFirst{path: Path + "nginx", describe: func(q, r *http.Request) {
		q.Header.Set("X-Original-Method", r.Method)
		q.Header.Set("X-Original-Url", "http://"+r.Host+r.RequestURI)
		q.Header.Set("X-Forwarded-For", clientIP(r))
	}, act: func(p *asksFirst, w http.ResponseWriter, r *http.Request, a *http.Response) bool {
		switch {
		case a.StatusCode == 401 || a.StatusCode == 403: // error_page
			whole, err := p.ask(r, Path+"nginx/answer")
			if err != nil {
				w.WriteHeader(502)
				return false
			}
			defer whole.Body.Close()
			pass(w, whole)
			return false
		case a.StatusCode < 200 || a.StatusCode > 299:
			w.WriteHeader(500) // "auth request unexpected status"
			return false
		}
		for name := range r.Header {
			if strings.Contains(name, "_") {
				r.Header.Del(name)
			}
		}
		for _, name := range append(slices.Clone(clear), set...) {
			r.Header.Del(name)
		}
		for _, name := range set {
			if value := a.Header.Get(name); value != "" {
				r.Header.Set(name, value)
			}
		}
		return true
	}}
}

var proxies = map[string]func(*testing.T) *asksFirst{"nginx": nginx, "traefik": traefik, "caddy": caddy}

// site is a proxy before an origin, asking a gateway.
type site struct {
	url    string
	origin *origin
	gate   *decider
}

func newSite(t *testing.T, kind string) *site {
	gateway, d := newHandler(t, Config{From: prefixes("127.0.0.0/8", "::1/128")})
	s := &site{origin: newOrigin(t), gate: d}
	to, err := url.Parse(s.origin.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := proxies[kind](t)
	p.gateway, p.origin = gateway.URL, httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(p)
	t.Cleanup(front.Close)
	s.url = front.URL
	return s
}

func (s *site) get(t *testing.T, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "app.example.com"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Cf_Access_Jwt_Assertion" {
			r.Header[header[i]] = []string{header[i+1]}
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := noRedirects.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// The requests at the origin and the responses at the client, for each kind of proxy.
func TestBehindProxies(t *testing.T) {
	forged := []string{"Cf-Access-Jwt-Assertion", "forged", "Cf-Access-Authenticated-User-Email", "forged@example.com",
		"Cf-Ray", "forged", "Cf-Access-Token", "forged", "X-Original-Url", "http://app.example.com/public",
		"X-Original-Method", "OPTIONS", "X-Rewrite-Url", "/public",
		"X-Forwarded-Uri", "/public", "X-Forwarded-Method", "OPTIONS", "X-Forwarded-Host", "evil.example.com",
		"X-Http-Method-Override", "PUT", "X-Forwarded-For", "192.0.2.99"}
	for kind := range proxies {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t, kind)
			for _, c := range []struct {
				name, method, path string
				header             []string
				want               map[string]string // of the origin's request; empty: not there
				status             int               // not admitted there
				body               string
			}{
				{name: "a service", method: "POST", path: "/a//b/%2e%2e/c%2Fd;x?q=1&r=%20",
					header: append([]string{"Cf-Access-Client-Id", "good", "Cf-Access-Client-Secret", "s", "Cookie",
						"a=b; CF_Authorization=x; c=d", "Authorization", "Basic abc"}, forged...),
					want: map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service", "Cookie": "a=b; c=d",
						"Authorization": "Basic abc", "Cf-Ray": ray}},
				{name: "the application's header", method: "GET", path: "/", header: append([]string{"X-Creds", "{}"}, forged...),
					want: map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service", "Cf-Ray": ray}},
				{name: "Authorization", method: "GET", path: "/", header: append([]string{"Authorization", "{}"}, forged...),
					want: map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-service", "Cf-Ray": ray}},
				{name: "a person", method: "GET", path: "/",
					header: append([]string{"Cookie", "CF_Authorization=person; a=b"}, forged...),
					want: map[string]string{"Cf-Access-Jwt-Assertion": "signed-for-bob",
						"Cf-Access-Authenticated-User-Email": "bob@example.com", "Cookie": "a=b; CF_Authorization=signed-for-bob", "Cf-Ray": ray}},
				{name: "a bypass", method: "GET", path: "/public",
					header: append([]string{"Cookie", "CF_Authorization=x"}, forged...),
					want:   map[string]string{"Cf-Ray": ray}},
				{name: "nobody", method: "GET", path: "/x", header: forged, status: 302},
				{name: "a wrong secret", method: "GET", path: "/x", header: append([]string{"Cf-Access-Client-Id", "wrong"}, forged...), status: 401, body: "wrong"},
				{name: "denied", method: "POST", path: "/denied", header: forged, status: 403, body: "<h1>denied</h1>"},
				{name: "stale", method: "GET", path: "/stale", header: forged, status: 503, body: "stale"},
				{name: "undecided", method: "GET", path: "/nothing", header: forged, status: 403},
				{name: "a preflight request", method: "OPTIONS", path: "/x", header: forged, status: map[bool]int{true: 200, false: 403}[kind == "nginx"]},
			} {
				t.Run(c.name, func(t *testing.T) {
					answer, body := s.get(t, c.method, c.path, c.header...)
					got := s.origin.take()
					if c.status != 0 {
						if got != nil || answer.StatusCode != c.status || c.body != "" && body != c.body {
							t.Errorf("status %d, body %q, reached the origin: %t", answer.StatusCode, body, got != nil)
						}
						if c.status == 302 && (answer.Header.Get("Location") != "https://team.example.com/login?a=b&c=d" ||
							answer.Header.Get("Set-Cookie") == "") {
							t.Errorf("redirected with %v", answer.Header)
						}
						return
					}
					if got == nil {
						t.Fatalf("refused with %d %s", answer.StatusCode, body)
					}
					if got.Method != c.method || got.RequestURI != c.path {
						t.Errorf("the origin got %s %s", got.Method, got.RequestURI)
					}
					for _, name := range []string{"Cf-Access-Jwt-Assertion", "Cf-Access-Authenticated-User-Email", "Cf-Ray", "Cookie",
						"Authorization", "Cf-Access-Client-Id", "Cf-Access-Client-Secret", "Cf-Access-Token", "X-Creds", "X-Original-Url",
						"X-Rewrite-Url", "X-Http-Method-Override"} {
						if value := strings.Join(got.Header[name], "|"); value != c.want[name] {
							t.Errorf("the origin got %s: %q, want %q", name, value, c.want[name])
						}
					}
					q := s.gate.last(t)
					if q.Method != c.method || q.URL.Scheme != "http" || q.URL.Host != "app.example.com" ||
						q.URL.RequestURI() != c.path || !q.Peer.IsLoopback() {
						t.Errorf("decided about %s %s from %s", q.Method, q.URL, q.Peer)
					}
				})
			}
			t.Run("another spelling", func(t *testing.T) {
				answer, _ := s.get(t, "GET", "/public", "Cf_Access_Jwt_Assertion", "forged")
				if got := s.origin.take(); got != nil && got.Header["Cf_access_jwt_assertion"] != nil || got == nil &&
					answer.StatusCode/100 != 4 {
					t.Errorf("%d, %v", answer.StatusCode, got)
				}
			})
		})
	}
}
