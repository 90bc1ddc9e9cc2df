package forward

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"plumbline.dev/services/gateway/gate"
)

const from = "192.0.2.10:4711"

// ask asks as a proxy does. Headers are name and value by turns; the same name twice makes two lines.
func ask(h http.Handler, remote, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", Path+path, nil)
	r.RemoteAddr = remote
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func handler(t *testing.T) (*Handler, *decider) {
	s, d := newHandler(t, Config{From: prefixes("192.0.2.0/24"), Trusted: prefixes("10.0.0.0/8")})
	return s.Config.Handler.(*Handler), d
}

func describedBy(change ...string) []string {
	h := map[string]string{"X-Forwarded-Method": "GET", "X-Forwarded-Proto": "https",
		"X-Forwarded-Host": "app.example.com", "X-Forwarded-Uri": "/public", "X-Forwarded-For": "198.51.100.7"}
	for i := 0; i < len(change); i += 2 {
		h[change[i]] = change[i+1]
	}
	var all []string
	for name, value := range h {
		if value != "-" {
			all = append(all, name, value)
		}
	}
	return all
}

func TestOnlyTheNamedProxiesMayAsk(t *testing.T) {
	h, d := handler(t)
	for _, remote := range []string{"192.0.3.1:80", "10.0.0.1:80", "[2001:db8::1]:80", "@", ""} {
		for _, path := range []string{"traefik", "caddy", "nginx", "nginx/answer", "other", ""} {
			w := ask(h, remote, path, append(describedBy(), "X-Original-Url", "https://app.example.com/public",
				"X-Original-Method", "GET", "Accept", "application/json")...)
			if w.Code != http.StatusForbidden || w.Header().Get("Cf-Access-Jwt-Assertion") != "" {
				t.Errorf("%s asked %q: %d", remote, path, w.Code)
			}
			var body struct{ Reason string }
			if path != "nginx" && (json.Unmarshal(w.Body.Bytes(), &body) != nil || body.Reason != "untrusted_proxy") {
				t.Errorf("%s asked %q: %s", remote, path, w.Body)
			}
		}
	}
	nobody, err := New(Config{}, Deps{Gate: d, Log: h.log.log, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(nobody, "127.0.0.1:80", "traefik", describedBy()...); w.Code != http.StatusForbidden {
		t.Errorf("with nobody named: %d", w.Code)
	}
	if d.count() != 0 {
		t.Error("something was decided")
	}
	if w := ask(h, from, "traefik", describedBy()...); w.Code != http.StatusOK {
		t.Errorf("who may ask: %d", w.Code)
	}
	if w := ask(h, "[::ffff:192.0.2.10]:80", "traefik", describedBy()...); w.Code != http.StatusOK {
		t.Errorf("by its mapped address: %d", w.Code)
	}
}

// A request described incompletely, or in two ways at once, is denied without a decision.
func TestRequestsThatAreNotDescribed(t *testing.T) {
	h, d := handler(t)
	bad := map[string][]string{
		"nothing":                           {"Accept", "*/*"},
		"a scheme of two":                   describedBy("X-Forwarded-Proto", "https,http"),
		"another scheme":                    describedBy("X-Forwarded-Proto", "ftp"),
		"a method of two":                   describedBy("X-Forwarded-Method", "GET, PUT"),
		"a long method":                     describedBy("X-Forwarded-Method", strings.Repeat("A", 65)),
		"two hosts":                         describedBy("X-Forwarded-Host", "app.example.com, evil.example.com"),
		"a host with user":                  describedBy("X-Forwarded-Host", "app.example.com@evil.example.com"),
		"a host with path":                  describedBy("X-Forwarded-Host", "app.example.com/x"),
		"a whole URL":                       describedBy("X-Forwarded-Uri", "https://app.example.com/public"),
		"a relative path":                   describedBy("X-Forwarded-Uri", "public"),
		"a star":                            describedBy("X-Forwarded-Uri", "*"),
		"a fragment":                        describedBy("X-Forwarded-Uri", "/x#/public"),
		"a blank":                           describedBy("X-Forwarded-Uri", "/x y"),
		"a bad escape":                      describedBy("X-Forwarded-Uri", "/x%zz"),
		"an odd client":                     describedBy("X-Forwarded-For", "198.51.100.7, unknown"),
		"an unknown proxy":                  describedBy("X-Forwarded-For", "unknown, 10.0.0.1"),
		"a dotted header":                   append(describedBy(), "Cf.Access.Jwt.Assertion", "x"),
		"an underscore":                     append(describedBy(), "Cf_Access_Client_Id", "x"),
		"another header with an underscore": append(describedBy(), "X_Original_Path", "/public"),
		"a length with an underscore":       append(describedBy(), "Content_Length", "1"),
		"one underscore":                    append(describedBy(), "cf-access_authenticated-user-email", "x"),
	}
	for _, name := range []string{"X-Forwarded-Method", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Uri",
		"X-Forwarded-For"} {
		bad["without "+name] = describedBy(name, "-")
		bad["empty "+name] = describedBy(name, "")
		if name != "X-Forwarded-For" { // its lines are one list
			bad["twice "+name] = append(describedBy(), name, "/public")
		}
	}
	for name, header := range bad {
		for _, path := range []string{"traefik", "caddy"} {
			if w := ask(h, from, path, header...); w.Code != http.StatusBadRequest {
				t.Errorf("%s to %s: %d", name, path, w.Code)
			}
		}
	}
	good := []string{"X-Original-Method", "GET", "X-Forwarded-For", "198.51.100.7"}
	for name, header := range map[string][]string{
		"nothing":          {"Accept", "*/*"},
		"Traefik's words":  describedBy(),
		"no URL":           good,
		"two URLs":         append(good, "X-Original-Url", "https://app.example.com/public", "X-Original-Url", "https://app.example.com/"),
		"a path":           append(good, "X-Original-Url", "/public"),
		"no path":          append(good, "X-Original-Url", "https://app.example.com"),
		"no host":          append(good, "X-Original-Url", "https:///public"),
		"a user":           append(good, "X-Original-Url", "https://app.example.com@evil.example.com/public"),
		"a backslash":      append(good, "X-Original-Url", `https://app.example.com\@evil.example.com/public`),
		"a query, no path": append(good, "X-Original-Url", "https://app.example.com?/public"),
		"no method":        {"X-Forwarded-For", "198.51.100.7", "X-Original-Url", "https://app.example.com/public"},
		"no client":        {"X-Original-Method", "GET", "X-Original-Url", "https://app.example.com/public"},
	} {
		if w := ask(h, from, "nginx", header...); w.Code != http.StatusForbidden {
			t.Errorf("nginx, %s: %d", name, w.Code)
		}
		if w := ask(h, from, "nginx/answer", header...); w.Code != http.StatusBadRequest {
			t.Errorf("nginx, %s, the whole answer: %d", name, w.Code)
		}
	}
	for _, path := range []string{"", "other", "nginx/", "nginx/other", "Traefik", "traefik/x"} {
		if w := ask(h, from, path, describedBy()...); w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", path, w.Code)
		}
	}
	if d.count() != 0 {
		t.Errorf("%d were decided", d.count())
	}
}

func TestTheOriginalRequest(t *testing.T) {
	h, d := handler(t)
	for _, c := range []struct {
		name, path string
		header     []string
		url, peer  string
	}{
		{"as Traefik says", "traefik", describedBy(), "https://app.example.com/public", "198.51.100.7"},
		{"a WebSocket", "traefik", describedBy("X-Forwarded-Proto", "wss"), "https://app.example.com/public", "198.51.100.7"},
		{"a plain WebSocket", "caddy", describedBy("X-Forwarded-Proto", "ws"), "http://app.example.com/public", "198.51.100.7"},
		{"the path as it came", "caddy", describedBy("X-Forwarded-Uri", "//a/../%2e/b%2Fc;d?x=%2F"), "https://app.example.com//a/../%2e/b%2Fc;d?x=%2F", "198.51.100.7"},
		{"a port", "caddy", describedBy("X-Forwarded-Host", "app.example.com:8443"), "https://app.example.com:8443/public", "198.51.100.7"},
		{"IPv6", "caddy", describedBy("X-Forwarded-Host", "[2001:db8::1]:8443", "X-Forwarded-For", "2001:db8::2"), "https://[2001:db8::1]:8443/public", "2001:db8::2"},
		{"behind a trusted proxy", "traefik", describedBy("X-Forwarded-For", "203.0.113.1, 198.51.100.7, 10.0.0.1"), "https://app.example.com/public", "198.51.100.7"},
		{"behind any other", "traefik", describedBy("X-Forwarded-For", "203.0.113.1, 198.51.100.7"), "https://app.example.com/public", "198.51.100.7"},
		{"what nginx's client says does not count", "nginx", append(describedBy("X-Forwarded-Uri", "/secret"),
			"X-Original-Method", "PUT", "X-Original-Url", "http://other.example.com/public"),
			"http://other.example.com/public", "198.51.100.7"},
		{"what Traefik's client says does not count", "traefik",
			append(describedBy(), "X-Original-Method", "PUT", "X-Original-Url", "http://other.example.com/x"),
			"https://app.example.com/public", "198.51.100.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask(h, from, c.path, c.header...)
			if q := d.last(t); q.URL.String() != c.url || q.Peer.String() != c.peer || q.Certificate != nil {
				t.Errorf("%s from %s", q.URL, q.Peer)
			}
		})
	}
}

// The whole answer is for refusals only: an assertion is for the proxy.
func TestTheWholeAnswerNeverAdmits(t *testing.T) {
	h, _ := handler(t)
	w := ask(h, from, "nginx/answer", "X-Original-Method", "GET", "X-Original-Url", "https://app.example.com/",
		"X-Forwarded-For", "198.51.100.7", "Cf-Access-Client-Id", "good")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" ||
		w.Header().Get("Cf-Access-Jwt-Assertion") != "" || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestAnswersAreNotKept(t *testing.T) {
	h, _ := handler(t)
	for _, path := range []string{"traefik", "caddy"} {
		w := ask(h, from, path, append(describedBy("X-Forwarded-Uri", "/"), "Cf-Access-Client-Id", "good")...)
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "no-store") ||
			!strings.Contains(w.Header().Get("Set-Cookie"), "CF_Authorization=v") {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	}
}

// For every description by a proxy, the decision is about the forwarded request.
func FuzzOriginal(f *testing.F) {
	for _, s := range []string{"/", "//x", "/a?b", "/%2f", "/a#b", "*", "http://x/", "/\x00", "/é", "/a b", "/;/..", "?x",
		"/\\", "/\"!"} {
		f.Add("app.example.com", s)
	}
	f.Add("app.example.com@evil", "/")
	f.Add("app.example.com:80", "/")
	f.Fuzz(func(t *testing.T, host, uri string) {
		var requests []*gate.Request
		for _, o := range []*original{{"GET", "https", host, uri}, nil} {
			if o == nil {
				var err error
				if o, err = readOriginal(http.Header{"X-Original-Method": {"GET"},
					"X-Original-Url": {"https://" + host + uri}}); err != nil {
					continue
				}
			}
			r, err := o.request(http.Header{}, plainAddr)
			if err != nil {
				continue
			}
			requests = append(requests, r)
			if r.URL.User != nil || r.URL.Fragment != "" || r.URL.Opaque != "" || r.URL.Path == "" || r.URL.Path[0] != '/' {
				t.Errorf("%q %q: %#v", host, uri, r.URL)
			}
			if !strings.HasPrefix(uri, "/") {
				continue
			}
			want, err := url.ParseRequestURI(uri)
			if err != nil {
				t.Errorf("%q became %q", uri, r.URL.RequestURI())
				continue
			}
			sent := *want
			want.Host = host
			gate.Normalize(want)
			if r.URL.Host != want.Host { // the host of a URL ends at the begin of its path
				continue
			}
			if got := r.URL.RequestURI(); got != want.RequestURI() || r.URL.Path != sent.Path ||
				r.URL.RawQuery != sent.RawQuery {
				t.Errorf("%q became %q", uri, got)
			}
		}
		if len(requests) == 2 && requests[0].URL.String() != requests[1].URL.String() {
			t.Errorf("%q %q: %s and %s", host, uri, requests[0].URL, requests[1].URL)
		}
	})
}

var plainAddr, _ = parse("192.0.2.1")

// A proxy sending the length of a body without the body is answered at once.
func TestADeclaredBodyIsNotAwaited(t *testing.T) {
	gateway, _ := newHandler(t, Config{From: prefixes("127.0.0.0/8", "::1/128")})
	for _, body := range []string{"Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n",
		"Content-Length: 5\r\n\r\nabc", "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"} {
		c, err := net.Dial("tcp", strings.TrimPrefix(gateway.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		head := "GET " + Path + "traefik HTTP/1.1\r\nHost: gateway\r\n"
		for all := describedBy(); len(all) > 0; all = all[2:] {
			head += all[0] + ": " + all[1] + "\r\n"
		}
		if _, err := io.WriteString(c, head+body); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK || !answer.Close {
			t.Errorf("%q: %d, the connection stays open: %t", body, answer.StatusCode, !answer.Close)
		}
	}
}
