package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// Bounds of what a provider says of a person, in bytes where nothing else is said.
const (
	maxSubject = 255 // OpenID Connect Core, 2
	maxEmail   = 254 // RFC 5321
	maxName    = 256
	maxClaims  = 16 << 10 // each gateway keeps those of every session
	maxAMR     = 16       // values
	maxMethod  = 64
)

// person is who a provider says has logged in.
type person struct {
	Subject, Email, Name string
	AMR                  []string
	Claims               json.RawMessage
	IDToken              string
}

// failure is a login that came to nothing. The detail is for the log; it holds no secret, and nothing that the
// provider or the browser chose without bounds.
type failure struct {
	reason policy.Reason
	detail error
}

func (f *failure) Error() string { return f.reason.String() + ": " + f.detail.Error() }
func (f *failure) Unwrap() error { return f.detail }

func fail(why policy.Reason, format string, args ...any) *failure {
	return &failure{reason: why, detail: fmt.Errorf(format, args...)}
}

// reasonOf is why a login came to nothing.
func reasonOf(err error) policy.Reason {
	var f *failure
	if errors.As(err, &f) {
		return f.reason
	}
	return policy.Unavailable
}

// protocol are the claims of an ID token that are about the token rather than the person.
var protocol = []string{"aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "sid",
	"_claim_names", "_claim_sources"}

// personOf reads who logged in from the claims of a verified ID token and, where it was asked, of the userinfo
// endpoint. Of a claim that both have the ID token's counts: it is signed.
func personOf(idp *proto.IdentityProvider, token, userinfo map[string]json.RawMessage) (*person, error) {
	if notTrue(token["email_verified"]) || notTrue(userinfo["email_verified"]) {
		return nil, fail(policy.LoginWithoutEmail, "email_verified is not true")
	}
	all := map[string]json.RawMessage{}
	for _, claims := range []map[string]json.RawMessage{userinfo, token} {
		for name, value := range claims {
			all[name] = value
		}
	}
	for _, name := range protocol {
		delete(all, name)
	}
	p := &person{}
	if p.Subject = text(all["sub"]); p.Subject == "" || len(p.Subject) > maxSubject {
		return nil, fail(policy.LoginFailed, "the sub claim is missing or longer than %d bytes", maxSubject)
	}
	name := emailClaim(idp)
	p.Email = text(all[name])
	if p.Email == "" && (idp.EmailClaim != "" || given(all[name])) || p.Email != "" && !isEmail(p.Email) {
		return nil, fail(policy.LoginWithoutEmail, "the claim %q holds no e-mail address of plain letters", clip(name))
	}
	p.Name = cleanName(text(all["name"]))
	p.AMR = methods(all["amr"])
	claims, err := json.Marshal(all)
	if err != nil {
		return nil, fail(policy.LoginFailed, "the claims cannot be kept: %w", err)
	}
	if len(claims) > maxClaims {
		return nil, fail(policy.LoginFailed, "the claims take %d bytes, at most %d are kept: have the provider send fewer", len(claims), maxClaims)
	}
	p.Claims = claims
	return p, nil
}

func emailClaim(idp *proto.IdentityProvider) string {
	if idp.EmailClaim != "" {
		return idp.EmailClaim
	}
	return "email"
}

// wantsUserinfo tells whether the ID token leaves out something that the provider's settings ask for.
func wantsUserinfo(idp *proto.IdentityProvider, token map[string]json.RawMessage) bool {
	if !given(token[emailClaim(idp)]) {
		return true
	}
	for _, name := range idp.Claims {
		if _, ok := token[name]; !ok {
			return true
		}
	}
	return false
}

// custom are the claims that application tokens carry on, a JSON object; nil where there are none.
func custom(claims json.RawMessage, names []string) json.RawMessage {
	var all map[string]json.RawMessage
	if len(names) == 0 || json.Unmarshal(claims, &all) != nil {
		return nil
	}
	some := map[string]json.RawMessage{}
	for _, name := range names {
		if v, ok := all[name]; ok {
			some[name] = v
		}
	}
	if len(some) == 0 {
		return nil
	}
	out, err := json.Marshal(some)
	if err != nil {
		return nil
	}
	return out
}

func given(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// notTrue tells a claim that is there and does not say true, which some providers write as a string.
func notTrue(v json.RawMessage) bool {
	return given(v) && string(v) != "true" && string(v) != `"true"`
}

// text is a claim that is a string; empty where it is anything else.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return ""
	}
	return s
}

func methods(v json.RawMessage) []string {
	var all []string
	if json.Unmarshal(v, &all) != nil {
		return nil
	}
	var kept []string
	for _, m := range all {
		if len(kept) < maxAMR && m != "" && len(m) <= maxMethod {
			kept = append(kept, m)
		}
	}
	return kept
}

// isEmail tells an address that means the same to everybody: it goes into a header, names the person, and is
// compared without case, where letters beyond ASCII may fold into others.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || len(s) > maxEmail {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c) >= 0 {
			return false
		}
	}
	return !strings.Contains(domain, "@")
}

// cleanName keeps a name that can be shown.
func cleanName(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, s)
	for len(s) > maxName {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}

// userID names a person in an account: the same at every provider that vouches for her address.
func userID(a proto.Account, idp proto.ID, p *person) proto.ID {
	if p.Email != "" {
		return proto.DeriveID(a, strings.ToLower(p.Email))
	}
	return proto.DeriveID(a, idp.String()+" "+p.Subject)
}

// clip keeps what somebody else chose short enough for the log.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
