package attack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// field is a header field as HTTP/2 has them, pseudo-header fields included.
type field struct{ name, value string }

// over2 sends one request over HTTP/2 without TLS, the fields as they are, and gives its status, 0 where the
// stream or the connection is ended without one, and what arrived.
func (w *fixture) over2(t testing.TB, fields []field, body string) (status int, header http.Header, arrived []arrival) {
	t.Helper()
	w.origin.take()
	c := w.dial(t, "")
	defer c.Close()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(c, c)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	for _, f := range fields {
		if err := encoder.WriteField(hpack.HeaderField{Name: f.name, Value: f.value}); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(framer.WriteSettings(), framer.WriteHeaders(
		http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: body == "", EndHeaders: true}))
	if body != "" && err == nil {
		err = framer.WriteData(1, true, []byte(body))
	}
	if err != nil {
		t.Fatal(err)
	}
	header = http.Header{}
	for {
		f, err := framer.ReadFrame()
		if err != nil {
			return status, header, w.origin.take()
		}
		switch f := f.(type) {
		case *http2.MetaHeadersFrame:
			for _, x := range f.Fields {
				if x.Name == ":status" {
					_, _ = fmt.Sscan(x.Value, &status) // else it stays 0
				}
				header.Add(x.Name, x.Value)
			}
			if f.StreamEnded() {
				return status, header, w.origin.take()
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				return status, header, w.origin.take()
			}
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return status, header, w.origin.take()
		}
	}
}

func get2(authority, path string, more ...field) []field {
	return append([]field{{":method", "GET"}, {":scheme", "http"}, {":authority", authority}, {":path", path}}, more...)
}

func credentials2(id, secret string) []field {
	return []field{{"cf-access-client-id", id}, {"cf-access-client-secret", secret}}
}

// The same tricks as over HTTP/1.1, and those of HTTP/2.
func TestHTTP2(t *testing.T) {
	w := under
	good := credentials2(w.service.ClientID, w.service.ClientSecret)
	status, _, arrived := w.over2(t, get2(appHost, "/x", good...), "")
	if status != http.StatusOK || len(arrived) != 1 || arrived[0].Target != "/x" || arrived[0].Host != appHost {
		t.Fatalf("the service: %d, arrived %+v", status, arrived)
	}
	if status, _, arrived := w.over2(t, get2(siteHost, "/"), ""); status != http.StatusOK || len(arrived) != 1 {
		t.Fatalf("what is open: %d, %d arrived", status, len(arrived))
	}
	for name, fields := range map[string][]field{
		"nothing":                         get2(appHost, "/"),
		"host beside :authority":          get2(appHost, "/", field{"host", siteHost}),
		"the closed path":                 get2(siteHost, "/admin"),
		"two :authority":                  get2(siteHost, "/", field{":authority", appHost}),
		"two :path":                       get2(siteHost, "/", field{":path", "/admin"}),
		"two :method":                     get2(siteHost, "/admin", field{":method", "OPTIONS"}),
		":authority with user":            get2(siteHost+"@"+appHost, "/"),
		":authority with a path":          get2(appHost+"/x", "/"),
		":authority with a port":          get2(appHost+":81", "/"),
		":authority with a dot":           get2(appHost+".", "/"),
		":authority in capitals":          get2(strings.ToUpper(appHost), "/"),
		":authority with CRLF":            get2(appHost+"\r\nX: y", "/"),
		"no :authority":                   {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", appHost}},
		":path without a slash":           get2(siteHost, "admin"),
		":path of two slashes":            get2(siteHost, "//admin"),
		":path with dots":                 get2(siteHost, "/x/../admin"),
		":path with CRLF":                 get2(siteHost, "/ HTTP/1.1\r\nHost: "+appHost+"\r\n\r\nGET /admin"),
		":path with a NUL":                get2(siteHost, "/admin\x00"),
		":path with a backslash":          get2(siteHost, `/\admin`),
		":path encoded":                   get2(siteHost, "/%2fadmin"),
		":path empty":                     get2(siteHost, ""),
		":path *":                         get2(appHost, "*"),
		":scheme of another kind":         {{":method", "GET"}, {":scheme", "http://" + siteHost + "/x?"}, {":authority", appHost}, {":path", "/"}},
		":method with a request":          {{":method", "GET /admin HTTP/1.1\r\nHost: x\r\n\r\nGET"}, {":scheme", "http"}, {":authority", siteHost}, {":path", "/"}},
		"CONNECT":                         {{":method", "CONNECT"}, {":authority", siteHost + ":80"}},
		"WebSocket over CONNECT":          {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"}, {":authority", appHost}, {":path", "/"}},
		"the id alone":                    get2(appHost, "/", good[0]),
		"the secret twice":                get2(appHost, "/", good[0], good[1], good[1]),
		"the secret with _":               get2(appHost, "/", good[0], field{"cf_access_client_secret", w.service.ClientSecret}),
		"both ways":                       get2(appHost, "/", append([]field{{"cf_access_client_id", "x"}}, good...)...),
		"a name in capitals":              get2(appHost, "/", field{"CF-Access-Client-Id", w.service.ClientID}, good[1]),
		"a name with a colon":             get2(appHost, "/", field{":cf-access-client-id", w.service.ClientID}, good[1]),
		"a name with CRLF":                get2(appHost, "/", field{"x: y\r\ncf-access-client-id", w.service.ClientID}, good[1]),
		"a value with CRLF":               get2(appHost, "/", field{"x", "y\r\ncf-access-client-id: " + w.service.ClientID + "\r\ncf-access-client-secret: " + w.service.ClientSecret}),
		"a pseudo field behind":           append(get2(siteHost, "/", field{"x", "y"}), field{":path", "/admin"}),
		"connection":                      get2(appHost, "/", append([]field{{"connection", "cf-access-jwt-assertion"}}, good...)...),
		"transfer-encoding":               get2(siteHost, "/admin", field{"transfer-encoding", "chunked"}),
		"a session that nobody has":       get2(peopleHost, "/", field{"cookie", "CF_Authorization=forged"}),
		"another application's assertion": get2(mixedHost, "/", field{"cf-access-jwt-assertion", w.tokenOf(t, appHost, w.service).text}),
	} {
		status, header, arrived := w.over2(t, fields, "")
		if len(arrived) > 0 || status != 0 && status < 300 {
			t.Errorf("%s: %d, arrived %+v", name, status, arrived)
		}
		if strings.Contains(fmt.Sprint(header), w.service.ClientSecret) {
			t.Errorf("%s: the secret is in the answer", name)
		}
	}
	// A request with two destinations is decided about, and arrives, as one to the first.
	for name, fields := range map[string][]field{
		":path with a host":        get2(siteHost, "http://"+appHost+"/"),
		":path with a blank":       get2(siteHost, "/x HTTP/1.1"),
		"query with a blank":       get2(siteHost, "/x?y HTTP/1.1"),
		"no :authority, two hosts": {{":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {"host", siteHost}, {"host", appHost}},
	} {
		status, _, arrived := w.over2(t, fields, "")
		for _, x := range arrived {
			if x.Host != siteHost || strings.Contains(fmt.Sprint(x), appHost) || strings.Contains(x.Target, " ") {
				t.Errorf("%s: %d, %+v arrived", name, status, x)
			}
		}
	}
	// Forged headers do not arrive; cookies in pieces are one.
	ada := w.personAt(t, peopleHost, "ada@example.com").jar[peopleHost]["CF_Authorization"]
	for name, c := range map[string]struct {
		host string
		more []field
	}{
		"the service": {appHost, good}, "everybody": {siteHost, nil},
		"ada": {peopleHost, []field{{"cookie", "a=b"}, {"cookie", "CF_Authorization=forged"}, {"cookie", "CF_Authorization=" + ada}, {"cookie", "cf_authorization=forged"}}},
	} {
		fields := get2(c.host, "/", append(c.more, field{"cf-access-jwt-assertion", "forged"},
			field{"cf_access_jwt_assertion", "forged"}, field{"x-forwarded-for", "forged"},
			field{"cf-access-authenticated-user-email", "forged"}, field{"x-original-url", "/forged"},
			field{"te", "trailers"})...)
		status, _, arrived := w.over2(t, fields, "")
		if status != http.StatusOK || len(arrived) != 1 {
			t.Errorf("%s: %d, %d arrived", name, status, len(arrived))
			continue
		}
		if text := fmt.Sprint(arrived[0].Header); strings.Contains(text, "forged") {
			t.Errorf("%s: %s arrived", name, text)
		}
	}
	// A wrong length of the body, and a request as the body.
	inner := "GET /admin/smuggled HTTP/1.1\r\nHost: " + siteHost + "\r\n\r\n"
	for name, more := range map[string][]field{"no length": nil, "a length that is too short": {{"content-length", "0"}},
		"a length that is too long": {{"content-length", "1000"}}, "two lengths": {{"content-length", "0"}, {"content-length", fmt.Sprint(len(inner))}}, "chunked": {{"transfer-encoding", "chunked"}}, "a length with _": {{"content_length", "0"}},
		"te": {{"te", "chunked"}}, "upgrade": {{"upgrade", "h2c"}}} {
		fields := append([]field{{":method", "POST"}, {":scheme", "http"}, {":authority", siteHost}, {":path", "/"}}, more...)
		_, _, arrived := w.over2(t, fields, inner)
		for _, x := range append(arrived, w.origin.settle()...) {
			if x.Target != "/" {
				t.Errorf("%s: %s arrived", name, x.Target)
			}
		}
		// A remainder on the origin's connection would come with the next request.
		if x := w.admitted(t, name, request("GET", siteHost, "/after")); x.Target != "/after" {
			t.Errorf("%s: %s arrived", name, x.Target)
		}
	}
}
