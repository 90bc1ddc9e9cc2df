package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/excerpt"
	"plumbline.dev/services/internal/policy"
)

// Bounds of a person's data from the provider, in bytes unless noted.
const (
	maxSubject = 255 // OpenID Connect Core, 2
	maxEmail   = 254 // RFC 5321
	maxName    = 256
	maxClaims  = 16 << 10 // every gateway caches the claims of all sessions
	maxAMR     = 16       // values
	maxMethod  = 64
)

// person is the identity confirmed by a provider.
type person struct {
	Subject, Email, Name string
	AMR                  []string
	Claims               json.RawMessage
	IDToken              string
}

// failure is a failed login. The detail is for the log. It contains no secret, and only bounded text from the
// provider or the browser.
type failure struct {
	reason policy.Reason
	detail error
}

func (f *failure) Error() string { return f.reason.String() + ": " + f.detail.Error() }
func (f *failure) Unwrap() error { return f.detail }

func fail(why policy.Reason, format string, args ...any) *failure {
	return &failure{reason: why, detail: fmt.Errorf(format, args...)}
}

// reasonOf returns the reason for a failed login.
func reasonOf(err error) policy.Reason {
	var f *failure
	if errors.As(err, &f) {
		return f.reason
	}
	return policy.Unavailable
}

// protocol lists the claims of an ID token about the token itself.
var protocol = []string{"aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "at_hash", "c_hash", "s_hash", "sid",
	"_claim_names", "_claim_sources"}

// personOf builds a person from the claims of a verified ID token and, if present, of the userinfo endpoint. The ID
// token takes precedence, because it is signed.
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
		return nil, fail(policy.LoginWithoutEmail, "the claim %q is not an ASCII e-mail address", shown(name))
	}
	p.Name = cleanName(text(all["name"]))
	p.AMR = methods(all["amr"])
	claims, err := json.Marshal(all)
	if err != nil {
		return nil, fail(policy.LoginFailed, "cannot encode the claims: %w", err)
	}
	if len(claims) > maxClaims {
		return nil, fail(policy.LoginFailed, "the claims have %d bytes, at most %d are allowed: have the provider send fewer",
			len(claims), maxClaims)
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

// wantsUserinfo reports whether the ID token lacks a claim required by the provider's settings.
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

// custom returns the claims to include in application tokens as a JSON object; nil without any.
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

// notTrue reports whether a claim is present and not true. Some providers send true as a string.
func notTrue(v json.RawMessage) bool {
	return given(v) && string(v) != "true" && string(v) != `"true"`
}

// text returns a claim's string; empty if the claim is not a string.
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

// isEmail accepts only addresses that are unambiguous: they are put into a header, identify the person, and are
// compared without case, where non-ASCII letters may fold into others.
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

// cleanName returns a printable, bounded name.
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

// userID returns a person's id in an account: the same for every provider that confirms their address.
func userID(a proto.Account, idp proto.ID, p *person) proto.ID {
	if p.Email != "" {
		return proto.DeriveID(a, strings.ToLower(p.Email))
	}
	return proto.DeriveID(a, idp.String()+" "+p.Subject)
}

// shown returns untrusted text for the log, shortened.
func shown(s string) string { return excerpt.Of(s, 64) }
