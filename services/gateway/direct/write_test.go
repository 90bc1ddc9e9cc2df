package direct

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// lines are those of a request's head, the first one first, the others sorted.
func lines(text string) []string {
	all := strings.SplitAfter(text, "\r\n")
	slices.Sort(all[1:])
	return all
}

// TestRequestsAreWrittenAsTheStandardLibraryDoes, or not at all.
func TestRequestsAreWrittenAsTheStandardLibraryDoes(t *testing.T) {
	names := rapid.OneOf(rapid.SampledFrom([]string{"X-A", "Cookie", "User-Agent", "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Te", "Accept",
		"X_b", "Cf-Access-Jwt-Assertion", "", "a b", "A:", "É", "X\r\nY", "Connection", "Expect"}), rapid.StringMatching(`[A-Za-z0-9!#$%&'*+.^_|~-]{1,12}`))
	values := rapid.OneOf(rapid.StringMatching(`[ -~]{0,20}`), rapid.SampledFrom([]string{"", " a ", "\ta", "ü", "a\r\nX-Evil: 1", "a\nb", "a\x00", "a\x7f", "\xff"}))
	paths := rapid.OneOf(rapid.StringMatching(`/[a-z0-9/%.~;:@ é]{0,12}`), rapid.SampledFrom([]string{"", "/", "*", "//x", "/a b", "/%2f", "/\r\n", "/\x7f"}))
	queries := rapid.OneOf(rapid.StringMatching(`[a-z=&%+;]{0,12}`), rapid.SampledFrom([]string{"", "a b", "a HTTP/1.1\r\nX: y", "é", "\x00"}))
	hosts := rapid.SampledFrom([]string{"", "app.example.com", "APP.example.com:8080", "[::1]:80", "[fe80::1%25eth0]", "bücher.example", "a b", "a\r\nX: y", "a/b", "a,b"})
	taken := 0
	rapid.Check(t, func(t *rapid.T) {
		r := &http.Request{Method: rapid.SampledFrom([]string{"GET", "HEAD", "OPTIONS"}).Draw(t, "method"), Host: hosts.Draw(t, "host"), Header: http.Header{},
			URL: &url.URL{Scheme: "http", Host: "10.0.0.1:80", Path: paths.Draw(t, "path"), RawQuery: queries.Draw(t, "query"), ForceQuery: rapid.Bool().Draw(t, "force")}}
		for range rapid.IntRange(0, 4).Draw(t, "headers") {
			name := names.Draw(t, "name")
			r.Header[name] = append(r.Header[name], values.Draw(t, "value"))
		}
		if !plain(r) {
			t.Fatal("not plain")
		}
		got, ok := appendRequest(nil, r)
		if !ok {
			return
		}
		taken++
		var want bytes.Buffer
		if err := r.Write(&want); err != nil {
			t.Fatalf("%q was written; the standard library: %v", got, err)
		}
		if _, ok := r.Header["User-Agent"]; !ok {
			want = *bytes.NewBuffer(bytes.Replace(want.Bytes(), []byte("\r\nUser-Agent: Go-http-client/1.1"), nil, 1))
			got = bytes.Replace(got, []byte("\r\nUser-Agent: Go-http-client/1.1"), nil, 1)
		}
		if !slices.Equal(lines(string(got)), lines(want.String())) {
			t.Fatalf("%q\nstandard %q", got, want.String())
		}
		for _, bad := range []string{"X-Evil", "X: y"} {
			if strings.Contains(string(got), bad) {
				t.Fatalf("%q", got)
			}
		}
	})
	if taken == 0 {
		t.Error("not one request was taken")
	}
}

// TestWhatIsNotTaken is for http.Transport.
func TestWhatIsNotTaken(t *testing.T) {
	tr := newTransport(t)
	for name, change := range map[string]func(*http.Request){
		"POST":              func(r *http.Request) { r.Method = http.MethodPost },
		"DELETE":            func(r *http.Request) { r.Method = http.MethodDelete },
		"a method of small": func(r *http.Request) { r.Method = "get" },
		"no method":         func(r *http.Request) { r.Method = "" },
		"a body":            func(r *http.Request) { r.Body = http.NoBody },
		"a length":          func(r *http.Request) { r.ContentLength = -1 },
		"https":             func(r *http.Request) { r.URL.Scheme = "https" },
		"a user":            func(r *http.Request) { r.URL.User = url.User("x") },
		"opaque":            func(r *http.Request) { r.URL.Opaque = "//x" },
		"closes":            func(r *http.Request) { r.Close = true },
		"trailers":          func(r *http.Request) { r.Trailer = http.Header{"X": nil} },
		"chunked":           func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
		"upgrade":           func(r *http.Request) { r.Header.Set("Upgrade", "websocket") },
		"connection":        func(r *http.Request) { r.Header.Set("Connection", "x") },
		"expect":            func(r *http.Request) { r.Header.Set("Expect", "100-continue") },
		"a bad value":       func(r *http.Request) { r.Header["X"] = []string{"a\nb"} },
		"a bad name":        func(r *http.Request) { r.Header["X y"] = []string{"a"} },
		"a bad query":       func(r *http.Request) { r.URL.RawQuery = "a b" },
		"a bad host":        func(r *http.Request) { r.Host = "a b" },
		"a name not ASCII":  func(r *http.Request) { r.URL.Host = "bücher.test:80" },
	} {
		r := request(t, t.Context(), http.MethodGet, "http://127.0.0.1:1/")
		change(r)
		if _, taken, err := tr.Try(r, new(witness)); taken || err != nil {
			t.Errorf("%s: taken %t, %v", name, taken, err)
		}
	}
}
