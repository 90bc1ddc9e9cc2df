package fetcher

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"

	"plumbline.dev/proto"
)

func TestScrubberHidesSecrets(t *testing.T) {
	const secret, token = `a/"b<c>&d+e\f`, "head.payload.signature"
	s := newScrubber(secret, token)
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{secret, string(quoted), strings.ReplaceAll(string(quoted), "/", `\/`),
		html.EscapeString(secret), url.QueryEscape(secret), url.PathEscape(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), token, "x.signature"} {
		for _, around := range []string{"%", "-%-", "%%"} {
			got := s.text(strings.ReplaceAll(around, "%", text))
			want := strings.Count(around, "%")
			if strings.Count(got, proto.Hidden) != want || strings.Contains(got, "signature") {
				t.Errorf("%s became %s", text, got)
			}
		}
	}
	if got := s.text("nothing to hide"); got != "nothing to hide" {
		t.Error(got)
	}
	for _, name := range []string{"cf-access-client-secret", "Set-Cookie", "Authorization"} {
		if h := s.header(name, "x"); h.Value != proto.Hidden {
			t.Errorf("%+v", h)
		}
	}
}

// However a body is cut, no part of a secret of several bytes stays at its end.
func TestScrubberCutsNoSecretInTwo(t *testing.T) {
	const secret = "ABCDEFGH"
	s := newScrubber(secret, "")
	whole := strings.Repeat(secret+"....", proto.MaxProbeBody/4)
	for n := proto.MaxProbeBody; n < proto.MaxProbeBody+40; n++ {
		shown, cut := s.body([]byte(whole[:n+s.longest]), true)
		if !cut || strings.ContainsAny(strings.ReplaceAll(string(shown), proto.Hidden, ""), secret) {
			t.Fatalf("%d bytes end in %q", n, shown[len(shown)-30:])
		}
	}
	if shown, cut := s.body([]byte("plain"), false); cut || string(shown) != "plain" {
		t.Errorf("%q, %t", shown, cut)
	}
}
