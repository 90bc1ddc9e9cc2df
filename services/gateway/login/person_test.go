package login

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"plumbline.dev/proto"
)

func TestIsEmail(t *testing.T) {
	for s, want := range map[string]bool{
		"ada@example.com": true, "a.b+c'd@sub.example.com": true, "ada@localhost": true,
		"": false, "@": false, "ada": false, "ada@": false, "@example.com": false, "a@b@c": false, "a b@c": false, "a@b\n": false, "<a@b>": false,
		`"a"@b`: false, "a,b@c": false, "a@[1]": false, "á@b": false, "a@\u212A": false, strings.Repeat("a", maxEmail) + "@b": false,
	} {
		if got := isEmail(s); got != want {
			t.Errorf("isEmail(%q) = %t", s, got)
		}
	}
}

func TestPeopleAreNamedAlike(t *testing.T) {
	a, idp, other := proto.NewAccount(), proto.NewID(), proto.NewID()
	ada := userID(a, idp, &person{Email: "Ada@Example.com", Subject: "1"})
	if ada != userID(a, other, &person{Email: "ada@example.com", Subject: "2"}) ||
		ada == userID(proto.NewAccount(), idp, &person{Email: "ada@example.com"}) {
		t.Error("an address names one person in an account, whichever provider vouches for it")
	}
	if userID(a, idp, &person{Subject: "1"}) == userID(a, other, &person{Subject: "1"}) {
		t.Error("without an address two providers' people are one")
	}
}

// For any response of a provider, the stored attributes are bounded and can be displayed, compared and sent in a
// header.
func FuzzPersonOf(f *testing.F) {
	f.Add(`{"sub":"1","email":"ada@example.com","email_verified":true,"name":"Ada","amr":["pwd"]}`,
		`{"sub":"1","groups":["a"]}`, "")
	f.Add(`{"sub":"1","upn":"ada@example.com"}`, `null`, "upn")
	f.Add(`{"sub":"1","email":"a\r\nb@c"}`, `{"email_verified":"false"}`, "")
	f.Add(`{"sub":5}`, `{}`, "sub")
	f.Fuzz(func(t *testing.T, token, userinfo, claim string) {
		var a, b map[string]json.RawMessage
		if json.Unmarshal([]byte(token), &a) != nil || json.Unmarshal([]byte(userinfo), &b) != nil {
			return
		}
		p, err := personOf(&proto.IdentityProvider{EmailClaim: claim}, a, b)
		if err != nil {
			return
		}
		if p.Email != "" && !isEmail(p.Email) || claim != "" && p.Email == "" {
			t.Errorf("address %q", p.Email)
		}
		if p.Subject == "" || len(p.Subject) > maxSubject || len(p.Name) > maxName || !utf8.ValidString(p.Name) ||
			strings.ContainsAny(p.Name, "\r\n\x00") {
			t.Errorf("%+v", p)
		}
		if len(p.AMR) > maxAMR || len(p.Claims) > maxClaims || !json.Valid(p.Claims) {
			t.Errorf("%d methods, claims %s", len(p.AMR), p.Claims)
		}
		if string(a["email_verified"]) == "false" || string(b["email_verified"]) == "false" {
			t.Error("an address that is not verified")
		}
	})
}
