package direct

import (
	"net/http"
	"net/textproto"
)

// plain tells a request that may be taken, but for what [appendRequest] finds.
func plain(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
	default:
		return false
	}
	return r.URL.Scheme == "http" && r.URL.Opaque == "" && r.URL.User == nil && r.Body == nil && r.ContentLength == 0 &&
		len(r.TransferEncoding) == 0 && len(r.Trailer) == 0 && !r.Close &&
		all(r.URL.Host, inHost) // a name in other letters has to be converted before it is looked up
}

// appendRequest writes a request's head: what [http.Request.Write] writes, the headers in another order. It
// returns false where that would have to change or to refuse anything.
func appendRequest(b []byte, r *http.Request) (_ []byte, ok bool) {
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	if path[0] != '/' || host == "" || !all(path, inTarget) || !all(r.URL.RawQuery, inTarget) || !all(host, inHost) {
		return b, false
	}
	b = append(append(append(b, r.Method...), ' '), path...)
	if r.URL.ForceQuery || r.URL.RawQuery != "" {
		b = append(append(b, '?'), r.URL.RawQuery...)
	}
	b = append(append(append(b, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	agent := "Go-http-client/1.1" // as http.Transport does, where the request has none
	for name, values := range r.Header {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue // these are not written from there
		case "Connection", "Proxy-Connection", "Keep-Alive", "Upgrade", "Expect":
			return b, false
		case "User-Agent":
			agent = ""
			values = values[:min(len(values), 1)]
			if len(values) == 0 || values[0] == "" {
				continue
			}
		}
		if name == "" || !all(name, inToken) {
			return b, false
		}
		for _, v := range values {
			if !all(v, inValue) {
				return b, false
			}
			b = append(append(append(append(b, name...), ": "...), textproto.TrimString(v)...), "\r\n"...)
		}
	}
	if agent != "" {
		b = append(append(append(b, "User-Agent: "...), agent...), "\r\n"...)
	}
	return append(b, "\r\n"...), true
}

// class are sets of bytes.
type class byte

const (
	inToken  class = 1 << iota // of a header's name (RFC 9110, 5.6.2)
	inValue                    // of a header's value: all but control characters
	inTarget                   // of a path and a query: visible, and ASCII
	inHost                     // of a host and a port, other than what would be written as another
)

var classes = func() (of [256]class) {
	for c := range of {
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
		if letter || contains("!#$%&'*+-.^_`|~", c) {
			of[c] |= inToken
		}
		if c >= ' ' && c != 0x7f || c == '\t' {
			of[c] |= inValue
		}
		if c > ' ' && c < 0x7f {
			of[c] |= inTarget
		}
		if letter || contains("-._:[]", c) {
			of[c] |= inHost
		}
	}
	return of
}()

func contains(set string, c int) bool {
	for i := range len(set) {
		if int(set[i]) == c {
			return true
		}
	}
	return false
}

// all tells whether every byte is of a class.
func all(s string, of class) bool {
	for i := range len(s) {
		if classes[s[i]]&of == 0 {
			return false
		}
	}
	return true
}
