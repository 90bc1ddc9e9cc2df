package attack

import (
	"net/http"
	"strings"
	"testing"
)

// A protected host below a public wildcard cannot be reached by another spelling of its name, through any entry.
func TestHostsInOtherSpellings(t *testing.T) {
	w := under
	if x := w.admitted(t, "an open host", request("GET", "a"+wildHosts, "/")); x.Host != "a"+wildHosts {
		t.Errorf("the origin is told Host %q", x.Host)
	}
	for _, host := range []string{closedHost, closedTyped, strings.ToUpper(closedHost), "BÜCHER" + wildHosts,
		"bu\u0308cher" + wildHosts, closedTyped + ".", closedTyped + ":80", closedTyped + ":", closedHost + ":080",
		"ｂücher" + wildHosts, "bücher。wild。example。com", "b\u00adücher" + wildHosts,
		"xn--bcher-kva-" + wildHosts, "b\xfccher" + wildHosts, "b%C3%BCcher" + wildHosts, "b%fccher" + wildHosts} {
		escaped := strings.NewReplacer("ü", "%C3%BC", "Ü", "%C3%9C", "\u0308", "%CC%88", "ｂ", "%EF%BD%82", "。", "%E3%80%82",
			"\u00ad", "%C2%AD", "\xfc", "%FC").Replace(host)
		texts := map[string][2]string{ // where from, and what
			"origin form":      {"", request("GET", host, "/")},
			"absolute form":    {"", request("GET", siteHost, "http://"+host+"/")},
			"escaped":          {"", request("GET", siteHost, "http://"+escaped+"/")},
			"X-Forwarded-Host": {trusted, request("GET", siteHost, "/", "X-Forwarded-Host: "+host)},
		}
		for name, text := range texts {
			if a, arrived := w.send(t, text[0], text[1]); a.Status < 400 || len(arrived) > 0 {
				t.Errorf("%q, %s: %d, arrived %+v", host, name, a.Status, arrived)
			}
		}
		if status, _, arrived := w.over2(t, get2(host, "/"), ""); len(arrived) > 0 || status != 0 && status < 400 {
			t.Errorf("%q over HTTP/2: %d, arrived %+v", host, status, arrived)
		}
		for dialect, described := range map[string][]string{
			"caddy":   {"X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: " + host, "X-Forwarded-Uri: /"},
			"traefik": {"X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: " + host, "X-Forwarded-Uri: /"},
			"nginx":   {"X-Original-URL: http://" + host + "/", "X-Original-Method: GET"},
		} {
			text := request("GET", "proxy.example.com", "/cdn-cgi/access/forward-auth/"+dialect,
				append(described, "X-Forwarded-For: 203.0.113.7")...)
			if a, _ := w.send(t, asker, text); a.Status < 400 {
				t.Errorf("%q, %s: %d", host, dialect, a.Status)
			}
		}
	}
	// The service gets in by any of them.
	if x := w.admitted(t, "the service",
		request("GET", siteHost, "http://b%C3%BCcher"+wildHosts+"/", lines(w.service)...)); x.Host != closedHost {
		t.Errorf("the origin is told Host %q", x.Host)
	}
}

// A byte invalid in URLs changes neither the other bytes of a path nor the decision.
func TestPathsWithRawBytes(t *testing.T) {
	w := under
	for _, raw := range []string{"|", `"`, "{", "}", "^", "<", ">", `\`, "`", "\xff", "é", "\x80/"} {
		for _, target := range []string{holePath + "%2fadmin" + raw, holePath + "%2Fadmin%3B" + raw,
			holePath + "%5cadmin" + raw, holePath + "/..%2fadmin" + raw,
			"/" + raw + "/..%2f.." + holePath, "/admin" + raw + "%2f..%2f.." + holePath + "/x", holePath + "%252fadmin" + raw} {
			if a, arrived := w.send(t, "", request("GET", holeHost, target)); a.Status < 400 || len(arrived) > 0 {
				t.Errorf("%q: %d, arrived %+v", target, a.Status, arrived)
			}
		}
		if raw == `\` || strings.Contains(raw, "/") {
			continue
		}
		target := holePath + "/a%2Fb%3B%2B%26%3D" + raw
		x := w.admitted(t, target, request("GET", holeHost, target))
		if rest, ok := strings.CutPrefix(x.Target, holePath+"/a%2Fb%3B%2B%26%3D"); !ok || decode(rest) != raw {
			t.Errorf("%q arrived as %q", target, x.Target)
		}
	}
	for _, target := range []string{"/public./x", "/public%20/x", "/public::$DATA", "/public%3a:$DATA/x",
		"/public.%2f..%2fadmin"} {
		if a, arrived := w.send(t, "", request("GET", holeHost, target)); a.Status < 400 || len(arrived) > 0 {
			t.Errorf("%q: %d, arrived %+v", target, a.Status, arrived)
		}
	}
}

// A request treated as a preflight carries nothing to the origin and grants nothing.
func TestPreflightsThatAreMore(t *testing.T) {
	w := under
	asked := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: PUT"}
	if x := w.admitted(t, "a preflight", request("OPTIONS", optionsHost, "/", asked...)); x.Method != http.MethodOptions ||
		x.Body != "" {
		t.Errorf("arrived %+v", x)
	}
	for name, text := range map[string]string{
		"a WebSocket":         request("OPTIONS", optionsHost, "/", append(asked, "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")...),
		"a protocol":          request("OPTIONS", optionsHost, "/", append(asked, "Upgrade: h2c")...),
		"a body":              request("OPTIONS", optionsHost, "/", append(asked, "Content-Length: 2")...) + "hi",
		"chunks":              request("OPTIONS", optionsHost, "/", append(asked, "Transfer-Encoding: chunked")...) + "2\r\nhi\r\n0\r\n\r\n",
		"another method":      request("POST", optionsHost, "/", asked...),
		"a method in letters": request("options", optionsHost, "/", asked...),
	} {
		text = strings.Replace(text, "Connection: close", "Connection: close, upgrade", 1)
		if a, arrived := w.send(t, "", text); a.Status < 400 || len(arrived) > 0 {
			t.Errorf("%s: %d, arrived %+v", name, a.Status, arrived)
		}
	}
	fields := []field{{":method", "OPTIONS"}, {":scheme", "http"}, {":authority", optionsHost}, {":path", "/"},
		{"origin", "https://spa.example.com"}, {"access-control-request-method", "PUT"}}
	if status, _, arrived := w.over2(t, fields, "hi"); status < 400 || len(arrived) > 0 {
		t.Errorf("a body over HTTP/2: %d, arrived %+v", status, arrived)
	}
}
