package provider

import (
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/resource"
	"plumbline.dev/services/api/v4"
	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/seal"
)

const (
	typeOnetimepin = "onetimepin"
	// maxNames bounds the scopes and the claims of a provider.
	maxNames = 100
)

// providerTypes are the types that clients know. Only providers of [proto.TypeOIDC] can be used for logins.
var providerTypes = []string{
	proto.TypeOIDC, typeOnetimepin, "azureAD", "saml", "centrify", "facebook", "github", "google-apps", "google",
	"linkedin", "okta",
	"onelogin", "pingone", "yandex",
}

var providerConfig = map[string]v4.MemberKind{
	"client_id": v4.StringMember, "client_secret": v4.StringMember, "auth_url": v4.StringMember,
	"token_url": v4.StringMember, "certs_url": v4.StringMember,
	"scopes": v4.StringsMember, "claims": v4.StringsMember, "email_claim_name": v4.StringMember,
	"pkce_enabled": v4.BoolMember, "prompt": v4.StringMember,
	issuerMember: v4.StringMember,
}

const issuerMember = "x_issuer"

// prompts are the valid values of an OpenID Connect prompt (OpenID Connect Core 1.0, 3.1.2.1).
var prompts = []string{"none", "login", "consent", "select_account"}

// readProvider reads a whole identity provider and keeps the body as sent, without its secrets. old is the provider
// that it replaces, or nil. The caller sets id, zone and times.
func (s *API) readProvider(body v4.Object, p, old *proto.IdentityProvider) error {
	var err error
	if p.Name, err = body.Line("name"); err != nil {
		return err
	}
	if p.Type, err = body.Text("type"); err != nil || !slices.Contains(providerTypes, p.Type) {
		return v4.Invalid("type must be one of %s", strings.Join(providerTypes, ", "))
	}
	if old != nil && old.Type != p.Type {
		return v4.Invalid("the type of an identity provider cannot be changed: create a new provider")
	}
	if p.Name == "" && p.Type != typeOnetimepin {
		return v4.Invalid("an identity provider needs a name")
	}
	config, err := body.Member("config")
	if err != nil {
		return err
	}
	if config == nil && p.Type != typeOnetimepin {
		return v4.Invalid("an identity provider needs config")
	}
	if err := v4.CheckMembers(body, map[string]v4.MemberKind{"scim_config": v4.ObjectMember}); err != nil {
		return err
	}
	if p.Type == proto.TypeOIDC {
		if err := s.readOIDC(config, p, old); err != nil {
			return err
		}
		body.Set("config", config)
	} else if config != nil {
		delete(config, redirectMember) // set by the server
		body.Set("config", config)
	}
	p.Sent = body.EncodeSanitized(ownedmember.Common()...)
	return nil
}

// readOIDC reads the config of an OpenID Connect provider: its three endpoints, or x_issuer for discovery.
func (s *API) readOIDC(config v4.Object, p, old *proto.IdentityProvider) error {
	if err := v4.CheckMembers(config, providerConfig); err != nil {
		return err
	}
	if _, said := config[issuerMember]; !said && old != nil && old.Issuer != "" {
		config.Set(issuerMember, old.Issuer)
	}
	for name, to := range map[string]*string{"auth_url": &p.AuthURL, "token_url": &p.TokenURL, "certs_url": &p.CertsURL,
		issuerMember: &p.Issuer} {
		if *to, _ = config.Text(name); *to == "" {
			continue
		}
		if err := resource.CheckURL(*to); err != nil {
			return v4.Invalid("config.%s %v", name, err)
		}
	}
	if p.Issuer == "" && (p.AuthURL == "" || p.TokenURL == "" || p.CertsURL == "") {
		return v4.Invalid("config needs auth_url, token_url and certs_url, or x_issuer to discover them")
	}
	if p.ClientID, _ = config.Text("client_id"); !resource.IsHeaderValue(p.ClientID) {
		return v4.Invalid("config.client_id must be 1 to %d visible ASCII characters without spaces", resource.MaxCredential)
	}
	p.Scopes, p.Claims = v4.Strings(config["scopes"]), v4.Strings(config["claims"])
	for name, list := range map[string][]string{"scopes": p.Scopes, "claims": p.Claims} {
		if len(list) > maxNames || slices.ContainsFunc(list,
			func(one string) bool { return !resource.IsHeaderValue(one) || len(one) > v4.MaxName }) {
			return v4.Invalid("config.%s must be at most %d names without spaces", name, maxNames)
		}
	}
	var err error
	if p.EmailClaim, err = config.Line("email_claim_name"); err != nil {
		return err
	}
	p.Prompt, _ = config.Text("prompt")
	for one := range strings.FieldsSeq(p.Prompt) {
		if !slices.Contains(prompts, one) {
			return v4.Invalid("config.prompt must consist of %s", strings.Join(prompts, ", "))
		}
	}
	pkce, said, _ := config.Bool("pkce_enabled")
	p.Plain = said && !pkce
	return s.sealSecret(config, p, old)
}

// clientSecret reports whether text can be the secret of an OAuth client (RFC 6749, A.2). It may contain spaces.
func clientSecret(text string) bool {
	return resource.IsHeaderValue(strings.ReplaceAll(text, " ", "_"))
}

// sealSecret seals a provider's secret to the gateways. An absent secret stays as it was; null removes it.
func (s *API) sealSecret(config v4.Object, p, old *proto.IdentityProvider) error {
	secret, _ := config.Text("client_secret")
	raw, said := config["client_secret"]
	delete(config, "client_secret")
	switch {
	case secret != "":
		if !clientSecret(secret) {
			return v4.Invalid("config.client_secret must be 1 to %d printable ASCII characters", resource.MaxCredential)
		}
		if len(s.cfg.SealGateway) == 0 {
			return v4.Invalid("config.client_secret cannot be stored: the control plane has no gateway's recipient to seal it " +
				"to (--seal-gateway)")
		}
		var err error
		p.SealedSecret, err = seal.Seal(s.cfg.SealGateway, p.ID.String(), []byte(secret))
		return err
	case said && v4.IsNull(json.RawMessage(raw)), old == nil:
		return nil
	}
	if !s.cfg.FreeSecretHost && len(old.SealedSecret) > 0 {
		if name := movedHost(p, old); name != "" {
			return v4.Invalid("the host of config.%s has changed: enter config.client_secret again", name)
		}
	}
	p.SealedSecret = old.SealedSecret
	return nil
}

// movedHost returns the first URL of a provider with a host that the provider did not have before; empty if there is
// none. The secret is sent to the token URL, which discovery may take from the issuer; the other two URLs decide which
// logins are trusted.
func movedHost(p, old *proto.IdentityProvider) string {
	secret := []string{old.Issuer, old.TokenURL}
	known := append([]string{old.AuthURL, old.CertsURL}, secret...)
	for _, u := range []struct {
		name, now string
		had       []string
	}{{issuerMember, p.Issuer, secret}, {"token_url", p.TokenURL, secret}, {"auth_url", p.AuthURL, known},
		{"certs_url", p.CertsURL, known}} {
		if u.now != "" && !slices.ContainsFunc(u.had,
			func(was string) bool { return was != "" && resource.SameHost(u.now, was) }) {
			return u.name
		}
	}
	return ""
}
