package provider

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Clients expect members beyond those they sent: a complete scim_config, and the redirect URL. Without them, Terraform
// shows a difference right after apply.

const (
	scimMember     = "scim_config"
	redirectMember = "redirect_url"
)

// redirectTypes are the provider types with [redirectMember] in the config of a response.
var redirectTypes = []string{typeOnetimepin, "saml"}

// scimDefaults are the default values of a SCIM configuration.
var scimDefaults = map[string]any{
	"enabled": false, "identity_update_behavior": "no_action", "seat_deprovision": false, "user_deprovision": false,
	"group_member_deprovision": false,
}

// viewProvider returns a provider as responses show it: the body as sent, without its secrets, with the members that
// clients expect. secret is the SCIM secret, which is shown only once; empty in all other responses.
func (s *API) viewProvider(p *proto.IdentityProvider, secret string) json.RawMessage {
	var unsupported []string
	if p.Type != proto.TypeOIDC {
		unsupported = []string{p.Type}
	}
	if provisions(p) {
		unsupported = append(unsupported, scimMember)
	}
	sent := v4.Decode(p.Sent)
	sent.Set(scimMember, scimView(sent, secret))
	if slices.Contains(redirectTypes, p.Type) {
		config, err := sent.Member("config")
		if err != nil || config == nil {
			config = v4.Object{}
		}
		config.Set(redirectMember, strings.TrimSuffix(s.cfg.TeamDomain, "/")+"/cdn-cgi/access/callback")
		sent.Set("config", config)
	}
	return v4.Splice(sent.Encode(), struct {
		ID          proto.ID `json:"id"`
		Unsupported []string `json:"x_unsupported,omitempty"`
	}{p.ID, unsupported})
}

func scimView(sent v4.Object, secret string) v4.Object {
	scim, err := sent.Member(scimMember)
	if err != nil || scim == nil {
		scim = v4.Object{}
	}
	for name, v := range scimDefaults {
		if !scim.Has(name) {
			scim.Set(name, v)
		}
	}
	if secret != "" {
		scim.Set("secret", secret)
	}
	return scim
}

// newSCIMSecret returns the secret for the response to the request that enables SCIM; empty if SCIM was enabled before
// or is not enabled now. The secret is not stored, since SCIM is not supported (x_unsupported has scim_config).
func newSCIMSecret(p, old *proto.IdentityProvider) string {
	if !provisions(p) || old != nil && provisions(old) {
		return ""
	}
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// provisions reports whether SCIM provisioning is enabled for a provider.
func provisions(p *proto.IdentityProvider) bool {
	scim, _ := v4.Decode(p.Sent).Member(scimMember)
	on, _, _ := scim.Bool("enabled")
	return on
}
