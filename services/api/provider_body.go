package api

import (
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/seal"
)

const typeOnetimepin = "onetimepin"

// providerTypes are those that clients know; people are sent to those of [proto.TypeOIDC] only.
var providerTypes = []string{
	proto.TypeOIDC, typeOnetimepin, "azureAD", "saml", "centrify", "facebook", "github", "google-apps", "google", "linkedin", "okta",
	"onelogin", "pingone", "yandex",
}

var providerConfig = map[string]memberKind{
	"client_id": textMember, "client_secret": textMember, "auth_url": textMember, "token_url": textMember, "certs_url": textMember,
	"scopes": textsMember, "claims": textsMember, "email_claim_name": textMember, "pkce_enabled": boolMember, "prompt": textMember,
	issuerMember: textMember,
}

const issuerMember = "x_issuer"

// prompts are what a provider can be told to do before it answers (OpenID Connect Core 1.0, 3.1.2.1).
var prompts = []string{"none", "login", "consent", "select_account"}

// readProvider reads a whole identity provider and keeps what was sent, without its secrets. old is what it
// replaces, or nil. Id, zone and times are the caller's.
func (s *Service) readProvider(body object, p, old *proto.IdentityProvider) error {
	var err error
	if p.Name, err = body.line("name"); err != nil {
		return err
	}
	if p.Type, err = body.text("type"); err != nil || !slices.Contains(providerTypes, p.Type) {
		return invalid("type must be one of %s", strings.Join(providerTypes, ", "))
	}
	if old != nil && old.Type != p.Type {
		return invalid("the type of an identity provider cannot be changed: make a new one")
	}
	if p.Name == "" && p.Type != typeOnetimepin {
		return invalid("an identity provider needs a name")
	}
	config, err := body.inner("config")
	if err != nil {
		return err
	}
	if config == nil && p.Type != typeOnetimepin {
		return invalid("an identity provider needs config")
	}
	if err := checkMembers(body, map[string]memberKind{"scim_config": objectMember}); err != nil {
		return err
	}
	if p.Type == proto.TypeOIDC {
		if err := s.readOIDC(config, p, old); err != nil {
			return err
		}
		body.set("config", config)
	} else if config != nil {
		delete(config, redirectMember) // ours to say
		body.set("config", config)
	}
	p.Sent = body.kept(ownedmember.Common()...)
	return nil
}

// readOIDC reads the config of an OpenID Connect provider: its three endpoints, or x_issuer, from which they
// are discovered.
func (s *Service) readOIDC(config object, p, old *proto.IdentityProvider) error {
	if err := checkMembers(config, providerConfig); err != nil {
		return err
	}
	if _, said := config[issuerMember]; !said && old != nil && old.Issuer != "" {
		config.set(issuerMember, old.Issuer)
	}
	for name, to := range map[string]*string{"auth_url": &p.AuthURL, "token_url": &p.TokenURL, "certs_url": &p.CertsURL, issuerMember: &p.Issuer} {
		if *to, _ = config.text(name); *to == "" {
			continue
		}
		if err := checkURL(*to); err != nil {
			return invalid("config.%s %v", name, err)
		}
	}
	if p.Issuer == "" && (p.AuthURL == "" || p.TokenURL == "" || p.CertsURL == "") {
		return invalid("config needs auth_url, token_url and certs_url, or x_issuer to find them by")
	}
	if p.ClientID, _ = config.text("client_id"); !headerValue(p.ClientID) {
		return invalid("config.client_id must be 1 to %d visible ASCII characters, no blanks", maxCredential)
	}
	p.Scopes, p.Claims = texts(config["scopes"]), texts(config["claims"])
	for name, list := range map[string][]string{"scopes": p.Scopes, "claims": p.Claims} {
		if len(list) > maxListed || slices.ContainsFunc(list, func(one string) bool { return !headerValue(one) || len(one) > maxName }) {
			return invalid("config.%s must be at most %d names without blanks", name, maxListed)
		}
	}
	var err error
	if p.EmailClaim, err = config.line("email_claim_name"); err != nil {
		return err
	}
	p.Prompt, _ = config.text("prompt")
	for one := range strings.FieldsSeq(p.Prompt) {
		if !slices.Contains(prompts, one) {
			return invalid("config.prompt must be of %s", strings.Join(prompts, ", "))
		}
	}
	pkce, said, _ := config.boolean("pkce_enabled")
	p.Plain = said && !pkce
	return s.sealSecret(config, p, old)
}

// clientSecret reports whether text can be the secret of an OAuth client (RFC 6749, A.2): it may have blanks.
func clientSecret(text string) bool {
	return headerValue(strings.ReplaceAll(text, " ", "_"))
}

// sealSecret keeps a provider's secret for the gateways alone. One that is not sent stays as it was; null
// takes it away.
func (s *Service) sealSecret(config object, p, old *proto.IdentityProvider) error {
	secret, _ := config.text("client_secret")
	raw, said := config["client_secret"]
	delete(config, "client_secret")
	switch {
	case secret != "":
		if !clientSecret(secret) {
			return invalid("config.client_secret must be 1 to %d printable ASCII characters", maxCredential)
		}
		if len(s.cfg.SealGateway) == 0 {
			return invalid("config.client_secret cannot be kept: the control plane knows no gateway to seal it to (--seal-gateway)")
		}
		var err error
		p.SealedSecret, err = seal.Seal(s.cfg.SealGateway, p.ID.String(), []byte(secret))
		return err
	case said && isNull(json.RawMessage(raw)), old == nil:
		return nil
	}
	if !s.cfg.FreeSecretHost && len(old.SealedSecret) > 0 {
		if name := movedHost(p, old); name != "" {
			return invalid("the host of config.%s changes: give config.client_secret again", name)
		}
	}
	p.SealedSecret = old.SealedSecret
	return nil
}

// movedHost returns the first URL of a provider that leads to a host which the provider did not have before; empty:
// none. The secret is sent to the token URL, which the issuer may name; the other two decide who is believed to have
// logged in.
func movedHost(p, old *proto.IdentityProvider) string {
	secret := []string{old.Issuer, old.TokenURL}
	known := append([]string{old.AuthURL, old.CertsURL}, secret...)
	for _, u := range []struct {
		name, now string
		had       []string
	}{{issuerMember, p.Issuer, secret}, {"token_url", p.TokenURL, secret}, {"auth_url", p.AuthURL, known}, {"certs_url", p.CertsURL, known}} {
		if u.now != "" && !slices.ContainsFunc(u.had, func(was string) bool { return was != "" && sameHost(u.now, was) }) {
			return u.name
		}
	}
	return ""
}
