package access

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/api/v4"
)

// Clients expect more of an identity provider than they send: scim_config with every member that it has, and where
// the provider sends people back to. Terraform shows a difference straight after it made one otherwise.

const (
	scimMember     = "scim_config"
	redirectMember = "redirect_url"
)

// redirectTypes are those whose config has [redirectMember] in answers.
var redirectTypes = []string{typeOnetimepin, "saml"}

// scimDefaults are the members of a SCIM configuration that nobody set.
var scimDefaults = map[string]any{
	"enabled": false, "identity_update_behavior": "no_action", "seat_deprovision": false, "user_deprovision": false,
	"group_member_deprovision": false,
}

// viewProvider is what was sent, without its secrets, and what clients expect beside it. secret is that of SCIM,
// which is told once; empty: it is not told.
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

// newSCIMSecret is the secret that the answer has which turns SCIM on; empty: it was on before, or is not now.
// Nothing is provisioned here (x_unsupported has scim_config), so the secret is not stored.
func newSCIMSecret(p, old *proto.IdentityProvider) string {
	if !provisions(p) || old != nil && provisions(old) {
		return ""
	}
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// provisions reports whether a provider is to tell of people by itself.
func provisions(p *proto.IdentityProvider) bool {
	scim, _ := v4.Decode(p.Sent).Member(scimMember)
	on, _, _ := scim.Bool("enabled")
	return on
}
