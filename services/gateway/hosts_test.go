package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/peer"
	"plumbline.dev/proto"
	"plumbline.dev/services/gateway/forward"
)

// entry is one way for a request to reach the gateway. It returns the status, 200 if the request was admitted, and the
// Host received by the origin if the gateway forwards the request itself.
type entry func(w *fixture, method, host, target string, lines ...string) (status int, sent seen)

var entries = map[string]entry{
	"origin form": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		return w.reach(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", method, target, host), lines...)
	},
	"absolute form": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		escaped := strings.ReplaceAll(escapeHost(host), " ", "%20")
		return w.reach(fmt.Sprintf("%s http://%s%s HTTP/1.1\r\nHost: other.lab\r\n", method, escaped, target), lines...)
	},
	"HTTP/2": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		return w.over2(method, host, target, lines...)
	},
	"X-Forwarded-Host": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		return w.reach(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: other.lab\r\nX-Forwarded-Host: %s\r\n", method, target, host),
			lines...)
	},
	"traefik": forwarded("traefik"),
	"caddy":   forwarded("caddy"),
	"nginx": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		ask := func(path string) int {
			status, _ := w.reach(
				fmt.Sprintf("GET %s HTTP/1.1\r\nHost: proxy.lab\r\nX-Original-Method: %s\r\nX-Original-Url: http://%s%s\r\n"+
					"X-Forwarded-For: 192.0.2.1\r\n", forward.Path+path, method, host, target), lines...)
			return status
		}
		if status := ask("nginx"); status == 200 {
			return status, seen{}
		}
		return ask("nginx/answer"), seen{} // nginx itself takes 401 and 403 only
	},
	"ext_authz": func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		headers := map[string]string{}
		for _, line := range lines {
			name, value, _ := strings.Cut(line, ": ")
			headers[strings.ToLower(name)] = value
		}
		from := peer.NewContext(w.Context(),
			&peer.Peer{Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:4711"))})
		a, err := w.gateway.authz.Check(from, &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Source: &authv3.AttributeContext_Peer{Address: &corev3.Address{Address: &corev3.Address_SocketAddress{
				SocketAddress: &corev3.SocketAddress{Address: "192.0.2.1"}}}},
			Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Method: method, Scheme: "http",
				Host: host, Path: target, Headers: headers}}}})
		if err != nil {
			w.Fatal(err)
		}
		if denied := a.GetDeniedResponse(); denied != nil {
			return int(denied.GetStatus().GetCode()), seen{}
		}
		return 200, seen{}
	},
}

func forwarded(dialect string) entry {
	return func(w *fixture, method, host, target string, lines ...string) (int, seen) {
		return w.reach(
			fmt.Sprintf(
				"GET %s HTTP/1.1\r\nHost: proxy.lab\r\nX-Forwarded-Method: %s\r\nX-Forwarded-Proto: http\r\n"+
					"X-Forwarded-Host: %s\r\nX-Forwarded-Uri: %s\r\nX-Forwarded-For: 192.0.2.1\r\n",
				forward.Path+dialect, method, host, target), lines...)
	}
}

// reach sends the head of a request.
func (w *fixture) reach(head string, lines ...string) (int, seen) {
	a := w.send(head + strings.Join(append(lines, "Accept: application/json", "Connection: close", "", ""), "\r\n"))
	sent, _ := a.origin()
	return a.status, sent
}

// over2 sends a request over HTTP/2 without TLS, the fields as they are.
func (w *fixture) over2(method, host, target string, lines ...string) (status int, sent seen) {
	w.Helper()
	c, err := net.Dial("tcp", w.gateway.AccessAddr())
	if err != nil {
		w.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	field := func(name, value string) { _ = encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) }
	field(":method", method)
	field(":scheme", "http")
	field(":authority", host)
	field(":path", target)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		field(strings.ToLower(name), value)
	}
	field("accept", "application/json")
	_, err = io.WriteString(c, http2.ClientPreface)
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	if err = errors.Join(err, framer.WriteSettings(),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(),
			EndStream: true, EndHeaders: true})); err != nil {
		w.Fatal(err)
	}
	a := answer{header: map[string][]string{}}
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return 400, seen{} // a stream or a connection that ends without a response: the request was malformed
		}
		ended := false
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			a.status, _ = strconv.Atoi(f.PseudoValue("status"))
			for _, x := range f.RegularFields() {
				a.header.Add(x.Name, x.Value)
			}
			ended = f.StreamEnded()
		case *http2.DataFrame:
			a.body += string(f.Data())
			ended = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return 400, seen{}
		}
		if ended {
			sent, _ = a.origin()
			return a.status, sent
		}
	}
}

// escapeHost escapes the bytes of a host not allowed in a request line.
func escapeHost(host string) string {
	var b strings.Builder
	for i := range len(host) {
		if c := host[i]; c >= 0x80 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func newEntries(t *testing.T) *fixture {
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return newFixture(t, Config{ExtAuthzAddr: "127.0.0.1:0", TrustedProxy: local, ForwardAuthFrom: local})
}

// TestHostsThroughEveryEntry: through every entry and in any spelling, a request is decided for its own host, and the
// origin receives that host.
func TestHostsThroughEveryEntry(t *testing.T) {
	w := newEntries(t)
	open := w.policy(proto.DecisionBypass, "everyone", struct{}{})
	for _, host := range []string{"*.wild.lab", "port.lab", "[2001:db8::1]", "straße.open.lab"} {
		w.app(host, w.origin.URL, nil, open)
	}
	// As older versions stored them, too.
	for _, host := range []string{"bücher.wild.lab", "xn--caf-dma.wild.lab", "port.lab:8443", "port.lab:80"} {
		w.app(host, w.origin.URL, nil, w.robots())
	}
	const yes, no, bad, unknown = 200, 403, 400, 404
	for _, c := range []struct {
		host string
		want int
		sent string // to the origin; empty: the host
	}{
		{"a.wild.lab", yes, ""}, {"A.Wild.LAB", yes, "a.wild.lab"}, {"a.wild.lab.", yes, "a.wild.lab"}, {"a_b.wild.lab", yes, ""},
		{"a.wild.lab:81", yes, ""}, {"ä.wild.lab", yes, "xn--4ca.wild.lab"}, {"ａ.wild.lab", yes, "a.wild.lab"}, {"a。wild。lab", yes, "a.wild.lab"},
		{"xn--4ca.wild.lab", yes, ""}, {"[2001:DB8:0::1]:82", yes, "[2001:db8::1]:82"}, {"xn--strae-oqa.open.lab", yes, ""},
		{"STRASSE.open.lab", unknown, ""}, {"b.a.wild.lab", unknown, ""}, {"wild.lab", unknown, ""},
		{"café.wild.lab", no, ""}, {"CAFÉ.wild.lab.", no, ""}, {"cafe\u0301.wild.lab", no, ""}, {"xn--caf-dma.wild.lab", no, ""},
		{"XN--CAF-DMA.wild.lab", no, ""}, {"ｃａｆé.wild.lab", no, ""}, {"bücher.wild.lab", no, ""}, {"xn--bcher-kva.wild.lab:81", no, ""},
		{"port.lab:81", yes, ""}, {"port.lab:443", yes, ""}, {"port.lab:8443", no, ""}, {"PORT.lab.:8443", no, ""}, {"port.lab", no, ""}, {"port.lab:80", no, ""},
		{"port.lab:08443", bad, ""}, {"port.lab:", bad, ""}, {"port.lab:0", bad, ""}, {"port.lab:65536", bad, ""}, {"port.lab:+8443", bad, ""},
		{"port.lab:８４４３", bad, ""}, {"port.lab:8443:80", bad, ""},
		{"caf%C3%A9.wild.lab", bad, ""}, {"a%2ewild.lab", bad, ""}, {"xn--a.wild.lab", bad, ""}, {"xn--caf-dma-.wild.lab", bad, ""},
		{"..wild.lab", bad, ""}, {".wild.lab", bad, ""}, {"a.wild.lab..", bad, ""}, {"a\u00ad.\u00ad.wild.lab", bad, ""}, {"a／.wild.lab", bad, ""},
		{"a\x80.wild.lab", bad, ""}, {"*.wild.lab", bad, ""}, {"[fe80::1%25eth0]", bad, ""}, {"[2001:db8::1", bad, ""}, {"2001:db8::1", bad, ""},
	} {
		for name, ask := range entries {
			want, sent := c.want, c.sent
			if name == "absolute form" && strings.Contains(c.host, "%C3%A9") {
				want = no // a URL may escape a host (RFC 3986, 3.2.2), and this one does
			}
			if name == "absolute form" && strings.Contains(c.host, "%2e") {
				continue // net/url decides about that escape
			}
			if sent == "" {
				sent = c.host
			}
			status, origin := ask(w, "GET", c.host, "/")
			switch raw := strings.ContainsFunc(c.host, func(r rune) bool { return r >= 0x80 }); {
			case status == bad && raw && (name == "origin form" || name == "HTTP/2"):
				// net/http itself denies such a host.
			case status != want:
				t.Errorf("%s, %q: %d, want %d", name, c.host, status, want)
			case origin.Host != "" && (origin.Host != sent || origin.Header.Get("X-Forwarded-Host") != sent):
				t.Errorf("%s, %q: the origin got Host %q, X-Forwarded-Host %q", name, c.host, origin.Host,
					origin.Header.Get("X-Forwarded-Host"))
			}
		}
	}
}

// TestPathsThroughEveryEntry: the origin receives the path used for the decision.
func TestPathsThroughEveryEntry(t *testing.T) {
	w := newEntries(t)
	open := w.policy(proto.DecisionBypass, "everyone", struct{}{})
	w.app("parts.lab", w.origin.URL+"/base%2F|", nil, w.robots())
	w.app("parts.lab/public", w.origin.URL+"/base%2F|", nil, open)
	const base = "/base%2F%7C"
	for target, want := range map[string]string{
		"/public/a": "/public/a", "/public/%61|": "/public/%61%7C", "/public/a|b%3Bc": "/public/a%7Cb%3Bc", `/public/{"^}%2B<>`: "/public/%7B%22%5E%7D%2B%3C%3E",
		"/public/`%26": "/public/%60%26", "/public/é%3D": "/public/%C3%A9%3D", "/public/\xff%3D": "/public/%FF%3D", "/public/a?q=|é&x=%zz": "/public/a?q=|é&x=%zz",
		"/public/a%2Fb|": "/public/a%2Fb%7C", "/public//a|%2F": "/public//a%7C%2F", "/public/;v|%3b": "/public/;v%7C%3b", "/public?": "/public?",
		// The decision depends on whether the path is decoded.
		"/public%2fadmin": "", "/public%2fadmin|": "", `/public%2fadmin"`: "", "/public%2Fadmin\xff": "", "/public%5cadmin|": "", `/public\admin%2F`: "",
		"/public/..%2fadmin|": "", "/public/|/../../admin%2F": "", "/public./a": "", "/public%20/a": "", "/public::$DATA": "", "/public/a%00|": "",
		"/|%2F..%2Fpublic": "", "/public%252fadmin|": "", "/%2525252570ublic": "",
	} {
		for name, ask := range entries {
			status, origin := ask(w, "GET", "parts.lab", target)
			switch {
			case want == "" && status < 400:
				t.Errorf("%s, %q: %d", name, target, status)
			case want == "" || status == 400 && strings.Contains(target, "\xff") && name == "ext_authz":
			case status != 200 && !(status == 400 && name == "HTTP/2"):
				t.Errorf("%s, %q: %d, want 200", name, target, status)
			case origin.URI != "" && origin.URI != base+want:
				t.Errorf("%s, %q: the origin got %q, want %q", name, target, origin.URI, base+want)
			}
		}
	}
}

// TestPreflightsThroughEveryEntry: only the head of an OPTIONS request bypasses the policies.
func TestPreflightsThroughEveryEntry(t *testing.T) {
	w := newEntries(t)
	w.app("options.lab", w.origin.URL, func(a *proto.Application) { a.Gate.OptionsBypass = true }, w.robots())
	asked := []string{"Origin: https://spa.lab", "Access-Control-Request-Method: PUT"}
	for name, ask := range entries {
		if status, _ := ask(w, "OPTIONS", "options.lab", "/", asked...); status != 200 {
			t.Errorf("%s: a preflight gets %d", name, status)
		}
		for _, more := range [][]string{{"Upgrade: websocket", "Connection: upgrade"}, {"Content-Length: 2"},
			{"Transfer-Encoding: chunked"}} {
			if status, _ := ask(w, "OPTIONS", "options.lab", "/", append(more, asked...)...); status == 200 || status == 101 {
				t.Errorf("%s: a preflight with %s gets %d", name, more[0], status)
			}
		}
	}
}
