package gate

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"plumbline.dev/proto"
)

func TestCookiesOfOthersStay(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"a=b", "a=b"}, {"a=b; c=d", "a=b; c=d"}, {`a="x y" ;c=d;;e`, `a="x y" ;c=d;;e`},
		{"CF_Authorization=x", ""}, {"CF_Authorization=x; a=b", "a=b"}, {"a=b; CF_Authorization=x", "a=b"}, {"a=b;CF_Authorization=x;c=d", "a=b;c=d"},
		{"a=b; CF_Authorization=x; CF_Authorization=y; c=d", "a=b; c=d"}, {"a=b; cf_authorization=x", "a=b"}, {"a=b; CF_Binding=x; CF_Session=y; CF_AppSession=z; CF_Device=d", "a=b"},
		{"a=CF_Authorization=x", "a=CF_Authorization=x"}, {"CF_AuthorizationX=x", "CF_AuthorizationX=x"}, {"CF_clearance=x", "CF_clearance=x"},
		{"plumbline_console=x", ""}, {"a=b; __Host-plumbline_console=x;Plumbline_Console=y", "a=b"},
		{"__Host-plumbline_console_gateway=x; a=b", "__Host-plumbline_console_gateway=x; a=b"},
		{"ne_=x; one_two=3", "ne_=x; one_two=3"},
		{" CF_Authorization =x; a=b", "a=b"}, {"CF_Authorization", ""}, {"\tCF_Authorization=x;\ta=b", "a=b"}, {`a="x; CF_Authorization=y"; b=c`, `a="x; b=c`},
	} {
		h := http.Header{"Cookie": {c.in}}
		Clean(h, &Answer{})
		if got := h.Get("Cookie"); got != c.out {
			t.Errorf("%q became %q, want %q", c.in, got, c.out)
		}
		if _, there := h["Cookie"]; there != (c.out != "") {
			t.Errorf("%q left an empty header", c.in)
		}
	}
	h := http.Header{"Cookie": {"CF_Authorization=x", "a=b", "c=d; CF_Session=y"}}
	Clean(h, &Answer{})
	if !slices.Equal(h["Cookie"], []string{"a=b", "c=d"}) {
		t.Errorf("several lines became %q", h["Cookie"])
	}
}

func TestOriginsOfPeople(t *testing.T) {
	client := []string{"a=b; CF_Authorization=hers"}
	h := http.Header{"Cookie": client}
	Clean(h, &Answer{Ray: "ray", Assertion: "token", Email: "ada@example.com",
		Identity: Identity{Session: &proto.Session{}}})
	if !slices.Equal(h["Cookie"], []string{"a=b", "CF_Authorization=token"}) || h.Get(emailHeader) != "ada@example.com" ||
		h.Get(assertionHeader) != "token" || h.Get(rayHeader) != "ray" {
		t.Errorf("the origin gets %v", h)
	}
	h = http.Header{"Cookie": client}
	Clean(h, &Answer{Assertion: "token", Email: "ada@example.com"})
	if !slices.Equal(h["Cookie"], []string{"a=b"}) || h.Get(emailHeader) != "" || h.Get(assertionHeader) != "token" {
		t.Errorf("the origin of a service gets %v", h)
	}
	if client[0] != "a=b; CF_Authorization=hers" {
		t.Error("the client's own header was written into")
	}
}

// FuzzCookies: nothing of ours is left, by the reading of net/http, and nothing of others' is lost.
func FuzzCookies(f *testing.F) {
	for _, s := range []string{"a=b", "CF_Authorization=x; a=b", `a="x; CF_Authorization=y"`, ";;;", " CF_Session = x ;b",
		"cf_AppSession=;=", "CF_Authorization\x00=x", "\rCF_Session"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		before := (&http.Request{Header: http.Header{"Cookie": {line}}}).Cookies()
		h := http.Header{"Cookie": {line}}
		cleanCookies(h)
		after := (&http.Request{Header: h}).Cookies()
		var want []string
		for _, c := range before {
			if !slices.ContainsFunc(ourCookies, func(s string) bool { return strings.EqualFold(s, c.Name) }) {
				want = append(want, c.Name+"="+c.Value)
			}
		}
		var got []string
		for _, c := range after {
			got = append(got, c.Name+"="+c.Value)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: %q is left, want %q", line, got, want)
		}
		if !mayHoldOurs(line) && (len(h["Cookie"]) != 1 || h["Cookie"][0] != line) {
			t.Fatalf("%q, which holds none of ours, became %q", line, h["Cookie"])
		}
	})
}

// FuzzCredentials: credentials are exactly an object with the two members. A header is used as credentials, denied, or
// belongs to the application; the gateway's own headers never reach the origin.
func FuzzCredentials(f *testing.F) {
	for _, s := range []string{"", "Bearer x", `{"cf-access-client-id":"a","cf-access-client-secret":"b"}`,
		`{"cf-access-client-id":"a"}`, `{`, `{}{}`,
		`{"cf-access-client-id":"a","cf-access-client-id":"a","cf-access-client-secret":"b"}`, `[1]`, "{\"cf-access-client-id\":\"\\u0061\",\"cf-access-client-secret\":\"b\"}"} {
		f.Add(s, "", "")
		f.Add(s, "id", "secret")
	}
	f.Fuzz(func(t *testing.T, single, id, secret string) {
		h := http.Header{"Authorization": {single}}
		if id != "" {
			h[idHeader] = []string{id}
		}
		if secret != "" {
			h[secretHeader] = []string{secret}
		}
		c := readCredentials(h, "Authorization")
		if !c.bad && c.given && (c.id == "" || c.secret == "") {
			t.Fatalf("%+v is taken for credentials", c)
		}
		if c.bad && !c.given {
			t.Fatalf("%+v", c)
		}
		Clean(h, &Answer{Drop: c.drop})
		if h.Get(idHeader)+h.Get(secretHeader) != "" {
			t.Fatalf("%v goes to the origin", h)
		}
		if left := strings.ToLower(h.Get("Authorization")); strings.Contains(left, "cf-access-client-") {
			t.Fatalf("%q goes to the origin", left)
		}
		if len(c.drop) == 0 && h.Get("Authorization") != single {
			t.Fatalf("%q became %q", single, h.Get("Authorization"))
		}
		if gotID, gotSecret, err := parseCredentials(single); err == nil &&
			(gotID == "" || gotSecret == "" || len(single) > maxCredentials) {
			t.Fatalf("%q gives %q and %q", single, gotID, gotSecret)
		}
	})
}
