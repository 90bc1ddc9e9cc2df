package attack

import (
	"net/http"
	"strings"
	"testing"
)

// One host, of the request target or the Host header, is used for the decision and seen by the origin; a request with
// two is rejected.
func TestHostTricks(t *testing.T) {
	w := under
	for name, text := range map[string]string{
		"another Host behind an absolute target": "GET http://" + appHost + "/ HTTP/1.1\r\nHost: " + siteHost + "\r\nConnection: close\r\n\r\n",
		"with a port":                            request("GET", appHost+":8443", "/"),
		"with the port of https":                 request("GET", appHost+":443", "/"),
		"with a dot behind":                      request("GET", appHost+".", "/"),
		"with a dot and a port":                  request("GET", appHost+".:80", "/"),
		"two dots":                               request("GET", appHost+"..", "/"),
		"in capitals":                            request("GET", strings.ToUpper(appHost), "/"),
		"a blank behind":                         request("GET", appHost+" ", "/"),
		"two Host headers":                       request("GET", siteHost, "/", "Host: "+appHost),
		"two Host headers, the other way":        request("GET", appHost, "/", "Host: "+siteHost),
		"Host twice alike":                       request("GET", appHost, "/", "Host: "+appHost),
		"a folded Host":                          request("GET", siteHost, "/", "X: y", "Host:", " "+appHost),
		"a list":                                 request("GET", siteHost+", "+appHost, "/"),
		"a tab":                                  request("GET", siteHost+"\t"+appHost, "/"),
		"user information in Host":               request("GET", siteHost+"@"+appHost, "/"),
		"user information in the target":         request("GET", siteHost, "http://"+siteHost+"@"+appHost+"/"),
		"user and password in the target":        request("GET", siteHost, "http://"+siteHost+":80@"+appHost+"/"),
		"a path in Host":                         request("GET", appHost+"/x", "/"),
		"a fragment in Host":                     request("GET", appHost+"#"+siteHost, "/"),
		"a query in Host":                        request("GET", appHost+"?"+siteHost, "/"),
		"encoded":                                request("GET", "app%2eexample.com", "/"),
		"a NUL":                                  request("GET", appHost+"\x00."+siteHost, "/"),
		"no Host":                                "GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
		"an empty Host":                          request("GET", "", "/"),
		"HTTP/1.0 without":                       "GET / HTTP/1.0\r\n\r\n",
		"HTTP/0.9":                               "GET /" + strings.Repeat("x", 100) + "\r\n\r\n",
		"a neighbour":                            request("GET", "x"+appHost, "/"),
		"below":                                  request("GET", "x."+siteHost, "/"),
		"behind":                                 request("GET", siteHost+".evil.example", "/"),
		"the origin's own":                       request("GET", strings.TrimPrefix(w.origin.URL, "http://"), "/"),
		"the gateway's address":                  request("GET", w.plumb.Access, "/"),
		"another scheme":                         request("GET", siteHost, "ftp://"+appHost+"/"),
		"a scheme-less target":                   request("GET", siteHost, "//"+appHost+"/.."),
		"an opaque target":                       request("GET", siteHost, "http:"+appHost),
		"CONNECT":                                request("CONNECT", siteHost+":80", siteHost+":80"),
		"CONNECT to the origin":                  request("CONNECT", siteHost, strings.TrimPrefix(w.origin.URL, "http://")),
	} {
		a, arrived := w.send(t, "", text)
		if a.Status < 400 || len(arrived) > 0 {
			t.Errorf("%s: answered with %d, %d requests arrived: %+v", name, a.Status, len(arrived), arrived)
		}
	}
	// A client's forwarded headers about the host are ignored, for access and for denial.
	for _, h := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded", "X-Forwarded-Server",
		"X-HTTP-Host-Override", "X-Original-URL", "X-Rewrite-URL", "X_Forwarded_Host"} {
		for _, value := range []string{siteHost, "host=" + siteHost, "http://" + siteHost + "/"} {
			w.refused(t, h, request("GET", appHost, "/", h+": "+value), http.StatusForbidden)
		}
		x := w.admitted(t, h, request("GET", siteHost, "/", h+": "+appHost))
		if got := x.Header.Get("X-Forwarded-Host"); got != siteHost || x.Host != siteHost {
			t.Errorf("%s: the origin is told Host %q, X-Forwarded-Host %q", h, x.Host, got)
		}
	}
	// Those of a trusted proxy are used.
	a, arrived := w.send(t, trusted, request("GET", siteHost, "/", "X-Forwarded-Host: "+appHost))
	if a.Status != http.StatusForbidden || len(arrived) > 0 {
		t.Errorf("a trusted proxy: %d, %d arrived", a.Status, len(arrived))
	}
	a, arrived = w.send(t, trusted, request("GET", appHost, "/", "X-Forwarded-Host: "+siteHost,
		"X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"))
	if a.Status != http.StatusOK || len(arrived) != 1 || arrived[0].Host != siteHost ||
		arrived[0].Header.Get("Cf-Connecting-Ip") != "203.0.113.7" {
		t.Errorf("a trusted proxy: %d, arrived %+v", a.Status, arrived)
	}
	if a, arrived := w.send(t, trusted, request("GET", siteHost, "/", "X-Forwarded-Host: "+siteHost,
		"X-Forwarded-Host: "+siteHost)); a.Status < 400 || len(arrived) > 0 {
		t.Errorf("a trusted proxy that names the host twice: %d", a.Status)
	}
}

// The client's address is the address of its connection, regardless of its headers.
func TestAddressesThatAreMadeUp(t *testing.T) {
	w := under
	made := []string{"X-Forwarded-For: 203.0.113.7", "x-forwarded-for: 203.0.113.8", "X_Forwarded_For: 203.0.113.9",
		"X-Real-IP: 203.0.113.7", "Forwarded: for=203.0.113.7", "CF-Connecting-IP: 203.0.113.7",
		"cf_connecting_ip: 203.0.113.7", "True-Client-IP: 203.0.113.7", "X-Client-IP: 203.0.113.7",
		"Connection: X-Forwarded-For, CF-Connecting-IP"}
	x := w.admitted(t, "made up", request("GET", siteHost, "/", made...))
	for name, values := range x.Header {
		if strings.Contains(strings.Join(values, " "), "203.0.113.") {
			t.Errorf("%s: %s arrived", name, values)
		}
	}
	for _, name := range []string{"X-Forwarded-For", "Cf-Connecting-Ip"} {
		if got := x.Header.Get(name); got != "127.0.0.1" {
			t.Errorf("%s is %q", name, got)
		}
	}
}

// Only proxies named by the operator may use forward auth.
func TestForwardAuth(t *testing.T) {
	w := under
	const ask = "/cdn-cgi/access/forward-auth/"
	forwarded := []string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: http", "X-Forwarded-Host: " + appHost,
		"X-Forwarded-Uri: /", "X-Forwarded-For: 203.0.113.7"}
	original := []string{"X-Original-URL: http://" + appHost + "/", "X-Original-Method: GET",
		"X-Forwarded-For: 203.0.113.7"}
	for dialect, described := range map[string][]string{"traefik": forwarded, "caddy": forwarded, "nginx": original,
		"nginx/answer": original} {
		text := request("GET", "proxy.example.com", ask+dialect, lines(w.service, described...)...)
		for _, from := range []string{"", trusted, "127.0.0.10"} {
			a, arrived := w.send(t, from, text)
			if a.Status != http.StatusForbidden || len(arrived) > 0 || a.Header.Get("Cf-Access-Jwt-Assertion") != "" {
				t.Errorf("%s from %q: %d, %v", dialect, from, a.Status, a.Header)
			}
		}
		// A header cannot name the proxy either.
		a, _ := w.send(t, "", request("GET", "proxy.example.com", ask+dialect,
			lines(w.service, append(described, "X-Real-IP: "+asker, "Forwarded: for="+asker)...)...))
		if a.Status != http.StatusForbidden {
			t.Errorf("%s with a made-up address: %d", dialect, a.Status)
		}
		// An allowed proxy receives a token for the service, and a denial for a client without credentials.
		a, arrived := w.send(t, asker, text)
		want := http.StatusOK
		if dialect == "nginx/answer" {
			want = http.StatusServiceUnavailable // it never admits
		}
		if a.Status != want || len(arrived) > 0 ||
			(a.Header.Get("Cf-Access-Jwt-Assertion") != "") != (want == http.StatusOK) {
			t.Errorf("%s: %d, %v", dialect, a.Status, a.Header)
		}
		if token := a.Header.Get("Cf-Access-Jwt-Assertion"); token != "" {
			if err := w.verify(token, w.apps[appHost].AUD); err != nil {
				t.Error(err)
			}
		}
		if a, _ := w.send(t, asker, request("GET", "proxy.example.com", ask+dialect, described...)); a.Status < 400 ||
			a.Header.Get("Cf-Access-Jwt-Assertion") != "" {
			t.Errorf("%s without credentials: %d, %v", dialect, a.Status, a.Header)
		}
		// A client cannot add to the proxy's headers.
		for _, line := range described {
			doubled := request("GET", "proxy.example.com", ask+dialect,
				lines(w.service, append(described, strings.Replace(line, appHost, siteHost, 1))...)...)
			if name, _, _ := strings.Cut(line, ":"); name == "X-Forwarded-For" {
				continue // a list has its own rules
			} else if a, _ := w.send(t, asker, doubled); a.Status < 400 {
				t.Errorf("%s with %s twice: %d", dialect, name, a.Status)
			}
		}
	}
	// Described with an open host, but for the closed path.
	for _, uri := range []string{"//admin", "/x/../admin", "/x/..%2fadmin", "/%2fadmin", "/admin;x", "/x/..;/admin",
		"/%2561dmin", "/admin%00", "admin", "http://" + appHost + "/"} {
		a, _ := w.send(t, asker, request("GET", "proxy.example.com", ask+"caddy", "X-Forwarded-Method: GET",
			"X-Forwarded-Proto: http", "X-Forwarded-Host: "+siteHost, "X-Forwarded-Uri: "+uri, "X-Forwarded-For: 203.0.113.7"))
		if a.Status < 400 {
			t.Errorf("%s: %d", uri, a.Status)
		}
	}
}
