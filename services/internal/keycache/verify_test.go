package keycache

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"plumbline.dev/proto"
	"plumbline.dev/services/internal/claims"
)

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// under signs claims with the given bytes as header.
func under(t testing.TB, header string, payload any) string {
	t.Helper()
	body, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return resign(t, b64(header)+"."+base64.RawURLEncoding.EncodeToString(body))
}

// resign signs any two segments with key "one".
func resign(t testing.TB, input string) string {
	t.Helper()
	key := pairOf("one")
	// RSASSA-PKCS1-v1_5 by hand: EMSA padding of the SHA-256, then the private exponent.
	sum := sha256.Sum256([]byte(input))
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
		0x04, 0x20}
	em := append([]byte{0, 1}, []byte(strings.Repeat("\xff", 256-3-len(prefix)-len(sum)))...)
	em = append(append(append(em, 0), prefix...), sum[:]...)
	s := new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N)
	return input + "." + base64.RawURLEncoding.EncodeToString(s.FillBytes(make([]byte, 256)))
}

func TestTheHandMadeSignatureIsRight(t *testing.T) {
	k, _, _ := newCache(t, Config{})
	if _, err := k.Verify(under(t, `{"alg":"RS256","kid":"one","typ":"JWT"}`, good()), aud); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyTellsWhatATokenSays(t *testing.T) {
	k, _, _ := newCache(t, Config{})
	token := sign(t, "one",
		m{"type": "app", "aud": []string{"other", aud}, "iss": issuer, "iat": start.Unix() - 5, "nbf": start.Unix() - 5,
			"exp": start.Unix() + 60, "sub": "c7a1", "email": "ada@example.com", "identity_nonce": "0123456789abcdef",
			"country": "GB", "custom": m{"a": 1}})
	for range 2 { // the second time it is known
		c, err := k.Verify(token, aud)
		if err != nil {
			t.Fatal(err)
		}
		if c.Type != "app" || c.Email != "ada@example.com" || c.Subject != "c7a1" || c.Nonce != "0123456789abcdef" ||
			c.Country != "GB" || c.CommonName != "" ||
			!c.IssuedAt.Equal(start.Add(-5*time.Second)) || !c.Expires.Equal(start.Add(time.Minute)) {
			t.Errorf("%+v", c)
		}
	}
	// The measured form of a service's token: aud is a string.
	c, err := k.Verify(sign(t, "one", good(set("aud", aud))), aud)
	if err != nil || c.CommonName != "x.access" || c.Subject != "" {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := k.Verify(token, "other"); err != nil {
		t.Errorf("a token for two audiences: %v", err)
	}
}

func TestTheGlobalSessionsTokenIsOfItsOwnTypeAndAccount(t *testing.T) {
	k, _, _ := newCache(t, Config{})
	a, b := proto.NewAccount(), proto.NewAccount()
	org := sign(t, "one", good(set("type", "org"), set("aud", []string{claims.OrgAudience(a)})))
	if _, err := k.VerifyGlobal(org, a); err != nil {
		t.Error(err)
	}
	if _, err := k.VerifyGlobal(org, b); !errors.Is(err, ErrAudience) {
		t.Errorf("at another account: %v", err)
	}
	if _, err := k.Verify(org, claims.OrgAudience(a)); !errors.Is(err, ErrType) {
		t.Errorf("as an application token: %v", err)
	}
	if _, err := k.VerifyGlobal(sign(t, "one", good(set("aud", claims.OrgAudience(a)))), a); !errors.Is(err, ErrType) {
		t.Errorf("an application token as that of a session: %v", err)
	}
}

// Each of these was a vulnerability of a real verifier.
func TestAttacks(t *testing.T) {
	valid := sign(t, "one", good())
	parts := strings.Split(valid, ".")
	public := &pairOf("one").PublicKey
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	hs256 := func(secret []byte) string {
		return signWith(t, jose.HS256, jose.JSONWebKey{Key: secret, KeyID: "one"}, (&jose.SignerOptions{}).WithType("JWT"),
			good())
	}
	header := func(extra string) string { return `{"alg":"RS256","kid":"one","typ":"JWT"` + extra + `}` }
	own := jose.JSONWebKey{Key: pairOf("two"), KeyID: "two"}
	ownPublic, err := json.Marshal(own.Public())
	if err != nil {
		t.Fatal(err)
	}
	// The last character decodes to the same bytes: its two lowest bits are unused.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, valid[len(valid)-1])
	respelled := valid[:len(valid)-1] + string(alphabet[last^1])

	for _, c := range []struct {
		name, token string
		want        error
	}{
		{"HS256 with the public key as PEM", hs256(pemKey), ErrAlgorithm},
		{"HS256 with the public key as DER", hs256(spki), ErrAlgorithm},
		{"HS256 with the modulus", hs256(public.N.Bytes()), ErrAlgorithm},
		{"RS384", signWith(t, jose.RS384, jose.JSONWebKey{Key: pairOf("one"), KeyID: "one"}, nil, good()), ErrAlgorithm},
		{"PS256", signWith(t, jose.PS256, jose.JSONWebKey{Key: pairOf("one"), KeyID: "one"}, nil, good()), ErrAlgorithm},
		{"none", b64(`{"alg":"none","kid":"one","typ":"JWT"}`) + "." + parts[1] + ".", ErrMalformed},
		{"none, with the signature", b64(`{"alg":"none","kid":"one","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrAlgorithm},
		{"NoNe", under(t, `{"alg":"NoNe","kid":"one"}`, good()), ErrAlgorithm},
		{"rs256 in lower case", under(t, `{"alg":"rs256","kid":"one"}`, good()), ErrAlgorithm},
		{"no algorithm", under(t, `{"kid":"one"}`, good()), ErrAlgorithm},
		{"two algorithms", under(t, `{"alg":"HS256","alg":"RS256","kid":"one"}`, good()), ErrMalformed},
		{"an algorithm of another case beside it", under(t, `{"alg":"RS256","Alg":"none","kid":"one"}`, good()), ErrMalformed},
		{"jku", under(t, header(`,"jku":"https://evil.example/certs"`), good()), ErrMalformed},
		{"x5u", under(t, header(`,"x5u":"https://evil.example/cert"`), good()), ErrMalformed},
		{"x5c", under(t, header(`,"x5c":["MIIB"]`), good()), ErrMalformed},
		{"x5t", under(t, header(`,"x5t":"AAAA"`), good()), ErrMalformed},
		{"crit", under(t, header(`,"crit":["exp"],"exp":1`), good()), ErrMalformed},
		{"empty crit", under(t, header(`,"crit":[]`), good()), ErrMalformed},
		{"b64", under(t, header(`,"b64":false,"crit":["b64"]`), good()), ErrMalformed},
		{"zip", under(t, header(`,"zip":"DEF"`), good()), ErrMalformed},
		{"its own key inside", signWith(t, jose.RS256, own, &jose.SignerOptions{EmbedJWK: true}, good()), ErrMalformed},
		{"its own key inside, under our kid", b64(`{"alg":"RS256","kid":"one","jwk":`+string(ownPublic)+`}`) + "." + parts[1] + "." + parts[2], ErrMalformed},
		{"another key under our kid", signWith(t, jose.RS256, jose.JSONWebKey{Key: pairOf("two"), KeyID: "one"}, nil, good()), ErrBadSignature},
		{"a kid that is not published", sign(t, "two", good()), ErrUnknownKey},
		{"a kid that is a path", under(t, `{"alg":"RS256","kid":"../../dev/null"}`, good()), ErrUnknownKey},
		{"no kid", under(t, `{"alg":"RS256"}`, good()), ErrMalformed},
		{"a kid that is a number", under(t, `{"alg":"RS256","kid":1}`, good()), ErrMalformed},
		{"a nested token", under(t, `{"alg":"RS256","kid":"one","cty":"JWT"}`, good()), ErrMalformed},
		{"another typ", under(t, `{"alg":"RS256","kid":"one","typ":"dpop+jwt"}`, good()), ErrMalformed},
		{"a header that goes on", under(t, `{"alg":"RS256","kid":"one"}{}`, good()), ErrMalformed},

		{"another's audience", sign(t, "one", good(set("aud", strings.Repeat("b", 64)))), ErrAudience},
		{"no audience", sign(t, "one", good(drop("aud"))), ErrAudience},
		{"an empty audience", sign(t, "one", good(set("aud", ""))), ErrAudience},
		{"no audiences", sign(t, "one", good(set("aud", []string{}))), ErrAudience},
		{"an audience that begins like ours", sign(t, "one", good(set("aud", aud+"a"))), ErrAudience},
		{"an audience in another case", sign(t, "one", good(set("aud", strings.ToUpper(aud)))), ErrAudience},
		{"an audience that is an object", sign(t, "one", good(set("aud", m{aud: aud}))), ErrMalformed},
		{"audiences in a list of lists", sign(t, "one", good(set("aud", [][]string{{aud}}))), ErrMalformed},
		{"audience null", sign(t, "one", good(set("aud", nil))), ErrMalformed},
		{"another issuer", sign(t, "one", good(set("iss", "https://evil.example"))), ErrIssuer},
		{"the issuer with a slash", sign(t, "one", good(set("iss", issuer+"/"))), ErrIssuer},
		{"no issuer", sign(t, "one", good(drop("iss"))), ErrIssuer},
		{"a statement", sign(t, "one", good(set("type", "meta"))), ErrType},
		{"no type", sign(t, "one", good(drop("type"))), ErrType},
		{"expired this second", sign(t, "one", good(set("exp", start.Unix()))), ErrExpired},
		{"expired long ago", sign(t, "one", good(set("exp", 1))), ErrExpired},
		{"no end", sign(t, "one", good(drop("exp"))), ErrMalformed},
		{"end null", sign(t, "one", good(set("exp", nil))), ErrMalformed},
		{"an end that is a string", sign(t, "one", good(set("exp", "1900000000"))), ErrMalformed},
		{"an end that is no whole number", sign(t, "one", good(set("exp", 1.9e9+0.5))), ErrMalformed},
		{"an end beyond time", sign(t, "one", good(set("exp", int64(1)<<62))), ErrMalformed},
		{"no beginning", sign(t, "one", good(drop("iat"))), ErrMalformed},
		{"not issued yet", sign(t, "one", good(set("iat", start.Unix()+61))), ErrNotYet},
		{"not valid yet", sign(t, "one", good(set("nbf", start.Unix()+61))), ErrNotYet},
		{"a negative nbf", sign(t, "one", good(set("nbf", -1))), ErrMalformed},
		{"two audiences members", sign(t, "one", []byte(`{"type":"app","aud":"b","aud":"`+aud+`","iss":"`+issuer+`","iat":1800000000,"exp":1800003600}`)), ErrMalformed},
		{"claims that are a list", sign(t, "one", []byte(`[]`)), ErrMalformed},
		{"claims that go on", sign(t, "one", []byte(`{} {}`)), ErrMalformed},
		{"no claims", sign(t, "one", []byte(``)), ErrMalformed},

		{"empty", "", ErrMalformed},
		{"dots", "..", ErrMalformed},
		{"two segments", parts[0] + "." + parts[1], ErrMalformed},
		{"four segments", valid + "." + parts[2], ErrMalformed},
		{"five segments, as an encrypted token has", valid + ".a.b", ErrMalformed},
		{"a segment twice", parts[0] + "." + parts[1] + "." + parts[1] + "." + parts[2], ErrMalformed},
		{"no signature", parts[0] + "." + parts[1] + ".", ErrMalformed},
		{"padded", parts[0] + "==." + parts[1] + "." + parts[2] + "==", ErrMalformed},
		{"in the other alphabet", strings.NewReplacer("-", "+", "_", "/").Replace(valid) + "+", ErrMalformed},
		{"with a line break", parts[0] + "." + parts[1] + "." + parts[2] + "\n", ErrMalformed},
		{"with a line break inside", parts[0] + "." + parts[1][:8] + "\r\n" + parts[1][8:] + "." + parts[2], ErrMalformed},
		{"with blanks", " " + valid, ErrMalformed},
		{"with a scheme", "Bearer " + valid, ErrMalformed},
		{"another spelling of the signature", respelled, ErrMalformed},
		{"the full serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, ErrMalformed},
		{"other claims under the signature", parts[0] + "." + b64(`{"type":"app"}`) + "." + parts[2], ErrBadSignature},
		{"half the signature", parts[0] + "." + parts[1] + "." + b64(strings.Repeat("x", 128)), ErrBadSignature},
		{"a signature of zeros", parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 256)), ErrBadSignature},
		{"huge", valid + strings.Repeat("A", MaxToken), ErrMalformed},
		{"huge and right", sign(t, "one", good(set("pad", strings.Repeat("x", MaxToken)))), ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, _, _ := newCache(t, Config{})
			if got, err := k.Verify(c.token, aud); !errors.Is(err, c.want) || got != nil {
				t.Errorf("%v, %v, want %v", got, err, c.want)
			}
			// A rejected token is rejected again, and does not affect others.
			if got, err := k.Verify(c.token, aud); !errors.Is(err, c.want) || got != nil {
				t.Errorf("the second time: %v, %v", got, err)
			}
			if _, err := k.Verify(valid, aud); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestATokenOfNoAudienceIsForNobody(t *testing.T) {
	k, _, _ := newCache(t, Config{})
	if _, err := k.Verify(sign(t, "one", good(set("aud", ""))), ""); !errors.Is(err, ErrAudience) {
		t.Error(err)
	}
}

// A cached token is checked again, except for its signature.
func TestAKnownTokenEnds(t *testing.T) {
	k, _, c := newCache(t, Config{})
	token := sign(t, "one", good(set("exp", start.Unix()+60), set("iat", start.Unix()+59)))
	if _, err := k.Verify(token, aud); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Verify(token, "another"); !errors.Is(err, ErrAudience) {
		t.Error(err)
	}
	c.Advance(60*time.Second - 1)
	if _, err := k.Verify(token, aud); err != nil {
		t.Error(err)
	}
	c.Advance(1)
	if _, err := k.Verify(token, aud); !errors.Is(err, ErrExpired) {
		t.Error(err)
	}
	c.Set(start.Add(-time.Hour)) // a clock that was set back
	if _, err := k.Verify(token, aud); !errors.Is(err, ErrNotYet) {
		t.Error(err)
	}
}

func TestVerifiedTokensAreBounded(t *testing.T) {
	k, _, _ := newCache(t, Config{Verified: 2})
	for i := range 5 {
		if _, err := k.Verify(sign(t, "one", good(set("n", i))), aud); err != nil {
			t.Fatal(err)
		}
	}
	if n := k.verified.Len(); n != 2 {
		t.Errorf("%d are kept", n)
	}
}

// Every token accepted by Verify is also accepted by a literal implementation of the specification with go-jose.
func FuzzVerify(f *testing.F) {
	valid := sign(f, "one", good())
	parts := strings.Split(valid, ".")
	for _, seed := range []string{
		valid, sign(f, "one", good(set("aud", aud))), sign(f, "two", good()), sign(f, "one", good(set("exp", 1))), "", "..",
		valid + ".", "\n" + valid, b64(`{"alg":"none"}`) + "." + parts[1] + ".", under(f,
			`{"alg":"RS256","kid":"one","jku":"x"}`, good()), under(f, `{"alg":"RS256","KID":"one","kid":"one"}`, good()),
		sign(f, "one", []byte(`{"type":"app","type":"org"}`)), sign(f, "one", good(set("nbf", start.Unix()+1e6))),
		parts[0] + "." + parts[1] + "=." + parts[2],
	} {
		f.Add(seed)
	}
	k, _, _ := newCache(f, Config{})
	f.Fuzz(func(t *testing.T, token string) {
		c, err := k.Verify(token, aud)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err == nil {
			if why := plainly(token, &pairOf("one").PublicKey); why != "" {
				t.Errorf("%q was taken: %s", token, why)
			}
		}
	})
}

// plainly verifies a token without caches and returns the reason for rejecting it.
func plainly(token string, key *rsa.PublicKey) string {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err.Error()
	}
	if len(signed.Signatures) != 1 || signed.Signatures[0].Protected.KeyID != "one" ||
		signed.Signatures[0].Protected.JSONWebKey != nil {
		return "the header is another"
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return err.Error()
	}
	var c map[string]any
	if err := json.Unmarshal(payload, &c); err != nil {
		return err.Error()
	}
	mine := c["aud"] == aud
	if list, ok := c["aud"].([]any); ok {
		for _, a := range list {
			mine = mine || a == aud
		}
	}
	exp, _ := c["exp"].(float64)
	iat, _ := c["iat"].(float64)
	nbf, _ := c["nbf"].(float64)
	now := float64(start.Unix())
	switch {
	case !mine:
		return "another's audience"
	case c["iss"] != issuer:
		return "another issuer"
	case c["type"] != "app":
		return "another type"
	case exp <= now || iat > now+60 || nbf > now+60:
		return "not its time"
	}
	return ""
}

func BenchmarkVerify(b *testing.B) {
	k, _, _ := newCache(b, Config{})
	token := sign(b, "one", good())
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.Verify(token, aud); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k.verified.Purge()
			if _, err := k.Verify(token, aud); err != nil {
				b.Fatal(err)
			}
		}
	})
}
