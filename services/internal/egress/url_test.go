package egress

import (
	"errors"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for _, good := range []string{
		"https://api.example.com/score", "https://api.example.com:8443/a/b?c=d&e=%20", "http://127.0.0.1:8402/",
		"http://localhost:8402", "http://[::1]:8402/x", "http://10.0.0.7/x", "https://203.0.113.7", "HTTPS://API.example.com",
		"http://api.internal/score",
	} {
		if u, err := ParseURL(good); err != nil || u.Hostname() == "" {
			t.Errorf("%s: %v", good, err)
		}
	}
	for raw, word := range map[string]string{
		"":                                      "empty",
		"api.example.com/score":                 "https://",
		"//api.example.com":                     "https://",
		"ftp://api.example.com":                 "https://",
		"file:///etc/passwd":                    "https://",
		"javascript:alert(1)":                   "https://",
		"https:api.example.com":                 "host",
		"https://":                              "host",
		"https:///path":                         "host",
		"https://:8443/":                        "host",
		"https://user@api.example.com":          "user name",
		"https://u:SECRET@example.com":          "user name",
		"https://example.com/#x":                "fragment",
		"https://example.com/#":                 "fragment",
		"https://example.com:0/":                "port",
		"https://example.com:70000/":            "port",
		"https://example.com:/":                 "port",
		"https://example.com:http/":             "read",
		"https://exa mple.com/":                 "blank",
		"https://example.com/a b":               "blank",
		" https://example.com/":                 "blank",
		"https://example.com/\r\nx: y":          "blank",
		"https://example.com/\x00":              "blank",
		"https://example.com/%zz":               "read",
		"https://[::1":                          "read",
		"https://[fe80::1%25eth0]/":             "zone",
		"http://203.0.113.7/":                   "https",
		"http://[2001:db8::1]/":                 "https",
		"http://169.254.169.254/":               "link-local",
		"https://[::ffff:a9fe:a9fe]/":           "link-local",
		"https://0.0.0.0/":                      "unspecified",
		"https://[::]/":                         "unspecified",
		"https://224.0.0.1/":                    "multicast",
		"https://" + strings.Repeat("x", 2048):  "longer",
		"https://h/" + strings.Repeat("é", 400): "once it is escaped",
	} {
		_, err := ParseURL(raw)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Sentence, word) || !strings.HasSuffix(e.Sentence, ".") {
			t.Errorf("%q: %v", raw, err)
		} else if strings.Contains(e.Sentence, "SECRET") {
			t.Errorf("%q is quoted: %v", raw, err)
		}
	}
}

func FuzzParseURL(f *testing.F) {
	f.Add("https://api.example.com/score?x=y#z")
	f.Add("http://[::ffff:169.254.169.254%25lo]:80/")
	f.Add("https://api.example.com/" + strings.Repeat("\xb1", 1000)) // three times as long once it is escaped
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			t.Fatalf("%q was taken as %+v", raw, u)
		}
		if again, err := ParseURL(u.String()); err != nil || again.Host != u.Host {
			t.Fatalf("%q was taken, %q was not: %v", raw, u, err)
		}
	})
}
