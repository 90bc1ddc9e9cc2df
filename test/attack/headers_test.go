package attack

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// forged are headers reserved to the gateway, in every spelling.
var forged = []string{
	"Cf-Access-Jwt-Assertion: forged", "cf-access-jwt-assertion: forged", "CF_ACCESS_JWT_ASSERTION: forged",
	"cf_access_jwt_assertion: forged", "Cf-Access_Jwt-Assertion: forged", "Cf-Access-Authenticated-User-Email: forged",
	"CF_Access_Authenticated_User_Email: forged", "Cf-Access-Token: forged",
	"cf_access_token: forged", "Cf-Access-Anything: forged", "Cf-Access-Client-Id-X: forged",
	"Cookie: CF_Authorization=forged", "Cookie: a=b;CF_Authorization=forged",
	"Cookie: cf_authorization=forged; CF_Authorization =forged;\tCF_Authorization=forged",
	`Cookie: "CF_Authorization"=forged; CF_Binding=forged; CF_Session=forged; CF_AppSession=forged`,
	"Cf-Ray: forged", "Cf-Connecting-Ip: forged", "X-Forwarded-For: forged", "X-Forwarded-Host: forged",
	"X-Forwarded-Proto: forged", "X-Original-Url: /forged", "X-Rewrite-Url: /forged", "X-Http-Method-Override: forged",
	"Forwarded: for=forged", "X-Original-Path: /forged", "X-Original-Host: forged", "X-Original-Method: FORGED",
	"X-Original-Uri: /forged", "X_Original_Anything: forged", "X-Override-Url: /forged", "X-Http-Host-Override: forged",
	"X-Host: forged", "X-Rewrite-Uri: /forged", "X.Rewrite.Url: /forged",
	"X-Envoy-Original-Path: /forged", "X-Envoy-Original-Host: forged", "X-Accel-Mapping: forged", "Proxy: http://forged",
	"Proxy-Host: forged", "Content_Length: 9; forged", "Transfer_Encoding: forged", "Content.Length: forged",
	"Content_Type: forged", "Sec_Fetch_Site: forged", "Remote-User: forged", "X-Auth-Request-Email: forged",
	"X_WEBAUTH_USER: forged", "Cf-Ipcountry: forged", "CF_Visitor: forged", "X-Forwarded-User: forged",
	"X-Forwarded-Email: forged", "X_Forwarded_Groups: forged",
}

// No header in the gateway's name reaches an origin from a client.
func TestForgedHeaders(t *testing.T) {
	w := under
	for host, credentials := range map[string][]string{appHost: lines(w.service), mixedHost: lines(w.service),
		siteHost: nil} {
		for _, more := range [][]string{nil, {"Connection: Cf-Access-Jwt-Assertion, Cookie, X-Forwarded-For, Cf-Ray"},
			{"Connection: close", "TE: trailers", "Keep-Alive: x", "Proxy-Connection: x"}} {
			x := w.admitted(t, host, request("GET", host, "/", slices.Concat(credentials, forged, more)...))
			for name, values := range x.Header {
				if strings.Contains(strings.Join(values, " "), "forged") || strings.Contains(name, "_") {
					t.Errorf("%s: %s: %s arrived", host, name, values)
				}
			}
			if _, count := x.only("cf-access-jwt-assertion"); (count == 1) != (credentials != nil) {
				t.Errorf("%s: %d assertions arrived", host, count)
			}
			if c := x.Header.Get("Cookie"); c != "" && c != "a=b" {
				t.Errorf("%s: the cookies %q arrived", host, c)
			}
		}
		// One at a time, because one header may shadow another.
		for _, line := range forged {
			x := w.admitted(t, line, request("GET", host, "/", append(slices.Clone(credentials), line)...))
			if strings.Contains(fmt.Sprint(x.Header), "forged") {
				t.Errorf("%s: %q arrived: %v", host, line, x.Header)
			}
		}
	}
	// In the trailer.
	for host, credentials := range map[string][]string{appHost: lines(w.service), siteHost: nil} {
		x := w.admitted(t, "trailer", "POST / HTTP/1.1\r\nHost: "+host+
			"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: Cf-Access-Jwt-Assertion, X-Forwarded-For\r\n"+
			strings.Join(append(credentials, ""), "\r\n")+
			"\r\n1\r\nx\r\n0\r\nCf-Access-Jwt-Assertion: forged\r\nX-Forwarded-For: forged\r\n\r\n")
		if strings.Contains(fmt.Sprint(x.Header), "forged") {
			t.Errorf("%s: the trailer arrived: %v", host, x.Header)
		}
	}
}

// A header named by Connection belongs to this connection only: naming credentials there does not bypass the check, and
// the gateway's own headers are kept.
func TestHopByHop(t *testing.T) {
	w := under
	for _, named := range []string{"Cf-Access-Client-Secret", "cf-access-client-secret",
		"Cf-Access-Client-Id, Cf-Access-Client-Secret", "Cf-Access-Jwt-Assertion",
		"close, Cf-Access-Jwt-Assertion", "Cf-Ray, X-Forwarded-For, X-Forwarded-Host, X-Forwarded-Proto, Cf-Connecting-Ip",
		"Host", "Cookie", "Content-Length", "*", "keep-alive, Authorization"} {
		x := w.admitted(t, named, request("GET", appHost, "/", lines(w.service, "Connection: "+named, "Authorization: x")...))
		for _, name := range []string{"Cf-Access-Jwt-Assertion", "Cf-Ray", "X-Forwarded-For", "X-Forwarded-Host",
			"X-Forwarded-Proto", "Cf-Connecting-Ip"} {
			if len(x.Header[name]) != 1 {
				t.Errorf("Connection: %s: the origin gets %s %q", named, name, x.Header[name])
			}
		}
		w.refused(t, "a wrong secret with Connection: "+named, request("GET", appHost, "/", "CF-Access-Client-Id: "+
			w.service.ClientID, "CF-Access-Client-Secret: x", "Connection: "+named), http.StatusUnauthorized)
		w.refused(t, "nothing with Connection: "+named, request("GET", appHost, "/", "Connection: "+named),
			http.StatusForbidden)
	}
}

// Thousands of names in Connection are read once each, and none of them takes a header of the gateway's away.
func TestManyNamesInConnection(t *testing.T) {
	w := under
	var names, headers []string
	for i := range 2000 {
		names = append(names, fmt.Sprintf("X-%d", i))
		headers = append(headers, fmt.Sprintf("X-%d: hop", i))
	}
	x := w.admitted(t, "2,000 names", request("GET", appHost, "/",
		lines(w.service, append(headers, "Connection: "+strings.Join(names, ",")+",Cf-Access-Jwt-Assertion")...)...))
	if len(x.Header["Cf-Access-Jwt-Assertion"]) != 1 || strings.Contains(fmt.Sprint(x.Header), "hop") {
		t.Errorf("%d headers arrived", len(x.Header))
	}
}

// Clients without a body to their requests do not keep other clients from the origin.
func TestUploadsThatStandStill(t *testing.T) {
	w := under
	for range 64 {
		if _, err := io.WriteString(w.dial(t, ""),
			"POST / HTTP/1.1\r\nHost: "+siteHost+"\r\nContent-Length: 10\r\n\r\nx"); err != nil {
			t.Fatal(err)
		}
	}
	if a, _ := w.send(t, "", request("GET", appHost, "/", lines(w.service)...)); a.Status != http.StatusOK {
		t.Errorf("beside uploads that stand still: %d", a.Status)
	}
	w.origin.settle() // they arrive beside the others
}

// Bytes that two servers could split into different requests are one request or none to the gateway, and every further
// request is decided separately.
func TestSmuggledRequests(t *testing.T) {
	w := under
	inner := "GET /admin/smuggled HTTP/1.1\r\nHost: " + siteHost + "\r\nX: "
	length := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n", len(s)) }
	chunked := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(s), s) }
	post := "POST / HTTP/1.1\r\nHost: " + siteHost + "\r\n"
	for name, text := range map[string]string{
		"a body that is a request":      post + length(inner) + "\r\n" + inner,
		"chunks that are a request":     post + "Transfer-Encoding: chunked\r\n\r\n" + chunked(inner),
		"both lengths, chunked counts":  post + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(inner),
		"both lengths, ends early":      post + length("0\r\n\r\n"+inner) + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"the other order":               post + "Transfer-Encoding: chunked\r\n" + length("0\r\n\r\n"+inner) + "\r\n0\r\n\r\n" + inner,
		"two lengths":                   post + "Content-Length: 0\r\n" + length(inner) + "\r\n" + inner,
		"a list of lengths":             post + "Content-Length: 0, 5\r\n\r\n" + inner,
		"a signed length":               post + "Content-Length: +0\r\n\r\n" + inner,
		"a negative length":             post + "Content-Length: -1\r\n\r\n" + inner,
		"a hexadecimal length":          post + "Content-Length: 0x0\r\n\r\n" + inner,
		"an empty length":               post + "Content-Length:\r\n\r\n" + inner,
		"a length beyond numbers":       post + "Content-Length: 18446744073709551616\r\n\r\n" + inner,
		"a length with _":               post + "Content_Length: 0\r\n" + length(inner) + "\r\n" + inner,
		"an encoding with _":            post + "Transfer_Encoding: chunked\r\n" + length(inner) + "\r\n" + inner,
		"an encoding nobody knows":      post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + inner,
		"two encodings":                 post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + inner,
		"chunked twice":                 post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
		"chunked and another line":      post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n" + inner,
		"identity":                      post + "Transfer-Encoding: identity\r\n" + length(inner) + "\r\n" + inner,
		"a blank before the colon":      post + "Transfer-Encoding : chunked\r\n" + length(inner) + "\r\n" + inner,
		"a tab before chunked":          post + "Transfer-Encoding:\tchunked\r\n\r\n" + chunked(inner),
		"a vertical tab before chunked": post + "Transfer-Encoding: \vchunked\r\n\r\n" + chunked(inner),
		"chunked in capitals":           post + "transfer-encoding: CHUNKED\r\n\r\n" + chunked(inner),
		"a folded encoding":             post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked(inner),
		"a folded length":               post + "Content-Length:\r\n 0\r\n" + length(inner) + "\r\n" + inner,
		"a line that ends with LF":      post + "X: y\nTransfer-Encoding: chunked\r\n\r\n" + chunked(inner),
		"a line that ends with CR":      post + "X: y\rTransfer-Encoding: chunked\r\n" + length(inner) + "\r\n" + inner,
		"a NUL in a header":             post + "X: y\x00\r\n" + length(inner) + "\r\n" + inner,
		"a chunk with an extension":     post + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x;x=\"\r\n%s\r\n0\r\n\r\n", len(inner), inner),
		"a chunk that ends with LF":     post + "Transfer-Encoding: chunked\r\n\r\n0\n\n" + inner,
		"a chunk of a signed length":    post + "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\n" + inner,
		"a chunk of 0x":                 post + "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n" + inner,
		"a chunk that is too long":      post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n" + inner,
		"an unfinished chunk":           post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n" + inner,
		"a GET with a body":             "GET / HTTP/1.1\r\nHost: " + siteHost + "\r\n" + length(inner) + "\r\n" + inner,
		"HEAD with a body":              "HEAD / HTTP/1.1\r\nHost: " + siteHost + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.0 with chunks":          "POST / HTTP/1.0\r\nHost: " + siteHost + "\r\nTransfer-Encoding: chunked\r\n" + length(inner) + "\r\n" + inner,
		"an Expect":                     post + "Expect: 100-continue\r\n" + length(inner) + "\r\n" + inner,
		"another Expect":                post + "Expect: x\r\n" + length(inner) + "\r\n" + inner,
		"a request in the first line":   "GET / HTTP/1.1\r\n\r\nGET /admin HTTP/1.1\r\nHost: " + siteHost + "\r\n\r\n",
		"a first line of two":           "GET /x HTTP/1.1 /admin HTTP/1.1\r\nHost: " + siteHost + "\r\n\r\n",
		"a method that is a request":    "GET\x0b/admin / HTTP/1.1\r\nHost: " + siteHost + "\r\n\r\n",
		"a line before":                 "\r\nGET /admin HTTP/1.1\r\nHost: " + siteHost + "\r\n\r\n",
		"a blank before the first":      "GET / HTTP/1.1\r\n X: y\r\nHost: " + siteHost + "\r\n\r\n",
	} {
		w.origin.take()
		text += request("GET", siteHost, "/last")
		answers := w.exchange(t, "", text)
		if len(answers) == 0 {
			t.Errorf("%s: no answer", name)
		}
		for i, x := range w.origin.settle() {
			if reading, under := underAdmin(x.Target); under {
				t.Errorf("%s: request %d arrived at %q", name, i, reading)
			}
		}
	}
	// Behind a request with credentials comes one without.
	w.origin.take()
	answers := w.exchange(t, "", "POST /admin/1 HTTP/1.1\r\nHost: "+siteHost+"\r\n"+strings.Join(lines(w.service), "\r\n")+
		"\r\nContent-Length: 3\r\n\r\nabc"+
		"GET /admin/2 HTTP/1.1\r\nHost: "+siteHost+"\r\n\r\n"+request("GET", siteHost, "/admin/3", lines(w.service)...))
	var got []int
	for _, a := range answers {
		got = append(got, a.Status)
	}
	arrived := w.origin.take()
	if !slices.Equal(got, []int{200, 403, 200}) || len(arrived) != 2 || arrived[0].Target != "/admin/1" ||
		arrived[0].Body != "abc" || arrived[1].Target != "/admin/3" {
		t.Errorf("answers %v, arrived %+v", got, arrived)
	}
}

// A protocol upgrade needs admission, and only WebSocket is forwarded: an HTTP/2 tunnel to the origin would carry
// requests without a decision.
func TestUpgrades(t *testing.T) {
	w := under
	socket := []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	text := func(host, target string, headers []string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(headers, "\r\n") + "\r\n\r\n"
	}
	refused := func(name, text string) {
		t.Helper()
		c := w.dial(t, "")
		w.origin.take()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		// The connection may stay open, so the test waits for one response only.
		if err := c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		answers, _ := read(c)
		if arrived := w.origin.take(); len(arrived) > 0 || len(answers) != 1 || answers[0].Status < 300 {
			t.Errorf("%s: %d requests arrived, answers %v", name, len(arrived), answers)
		}
	}
	for _, host := range []string{appHost, mixedHost, peopleHost} {
		refused("WebSocket without credentials at "+host, text(host, "/", socket))
	}
	refused("WebSocket to the closed path", text(siteHost, "/admin", socket))
	refused("WebSocket with a wrong secret", text(appHost, "/",
		append(slices.Clone(socket), "CF-Access-Client-Id: "+w.service.ClientID, "CF-Access-Client-Secret: x")))

	tunnel := func(name, host, more string, headers []string) (answer, arrival, string) {
		t.Helper()
		c := w.dial(t, "")
		w.origin.take()
		if _, err := io.WriteString(c, text(host, "/", headers)); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		answers, _ := read(&oneAnswer{c: c})
		arrived := w.origin.take()
		if len(answers) != 1 || len(arrived) != 1 {
			t.Errorf("%s: %d answers, %d arrived", name, len(answers), len(arrived))
			return answer{}, arrival{}, ""
		}
		if answers[0].Status != http.StatusSwitchingProtocols {
			return answers[0], arrived[0], ""
		}
		_, _ = io.WriteString(c, more)
		b := make([]byte, 1000)
		n, _ := c.Read(b)
		return answers[0], arrived[0], string(b[:n])
	}
	a, x, line := tunnel("WebSocket with credentials", appHost, "hello\n", lines(w.service, socket...))
	if a.Status != http.StatusSwitchingProtocols || line != "tunnel: hello\n" {
		t.Errorf("WebSocket with credentials: %d %q", a.Status, line)
	}
	if err := w.verify(x.Header.Get("Cf-Access-Jwt-Assertion"), w.apps[appHost].AUD); err != nil ||
		x.Header.Get("Cf-Access-Client-Secret") != "" {
		t.Errorf("with WebSocket %v arrived: %v", x.Header, err)
	}
	for name, headers := range map[string][]string{
		"h2c":                      {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"h2c, not named":           {"Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"h2c in capitals":          {"Connection: upgrade", "Upgrade: H2C"},
		"h2c behind WebSocket":     {"Connection: Upgrade", "Upgrade: websocket, h2c"},
		"h2c before WebSocket":     {"Connection: Upgrade", "Upgrade: h2c, websocket"},
		"h2c in a second line":     {"Connection: Upgrade", "Upgrade: websocket", "Upgrade: h2c"},
		"h2c in a first line":      {"Connection: Upgrade", "Upgrade: h2c", "Upgrade: websocket"},
		"TLS":                      {"Connection: Upgrade", "Upgrade: TLS/1.0"},
		"what is not known":        {"Connection: Upgrade", "Upgrade: anything"},
		"WebSocket/13":             {"Connection: Upgrade", "Upgrade: websocket/13"},
		"h2c that is not asked of": {"Upgrade: h2c"},
	} {
		if a, x, line := tunnel(name, siteHost, "PRI * HTTP/2.0\r\n", append(headers,
			"X-Name: "+name)); a.Status == http.StatusSwitchingProtocols || x.Header.Get("Upgrade") != "" || line != "" {
			t.Errorf("%s: %d, %q arrived, and the tunnel says %q", name, a.Status, x.Header["Upgrade"], line)
		}
	}
}

// oneAnswer reads until the first exchange of a connection is complete.
type oneAnswer struct {
	c    io.Reader
	done bool
}

func (o *oneAnswer) Read(b []byte) (int, error) {
	if o.done {
		return 0, io.EOF
	}
	n, err := o.c.Read(b)
	o.done = strings.Contains(string(b[:n]), "\r\n\r\n")
	return n, err
}
