package access

import (
	"context"
	"encoding/json"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// Providers is the command plumb idp.
type Providers struct {
	List   resource.List[idpName, client.IdentityProvider]              `cmd:"" help:"List identity providers."`
	Create resource.Create[idpName, idpCreate, client.IdentityProvider] `cmd:"" help:"Create an OpenID Connect provider."`
	Show   resource.Show[idpName, client.IdentityProvider]              `cmd:"" aliases:"get" help:"Show a provider without its secret."`
	Edit   resource.Replace[idpName, idpEdit, client.IdentityProvider]  `cmd:"" help:"Change a provider. Settings without a flag, and the secret, stay as they are."`
	Delete resource.Delete[idpName, client.IdentityProvider]            `cmd:"" help:"Delete a provider."`
}

type idpName struct {
	Provider string `arg:"" completes:"identity_provider" help:"Id or name of the provider."`
}

func (n idpName) Typed() string { return n.Provider }

func (idpName) Kind() resource.Kind[client.IdentityProvider] { return providers }

var providers = resource.Kind[client.IdentityProvider]{
	Collection: func(cl *client.Client) client.Collection[client.IdentityProvider] { return cl.IdentityProviders },
	Header:     []any{"ID", "NAME", "TYPE", "ISSUER", "STATE"},
	Row: func(p client.IdentityProvider) []any {
		state := resource.SupportState(p.Type == proto.TypeOIDC, p.Unsupported)
		return []any{p.ID, p.Name, p.Type, render.OrDash(p.Config.Issuer), state}
	},
	Fields: idpFields,
}

func idpFields(tab *render.Table, p client.IdentityProvider) {
	tab.Row("id", p.ID)
	tab.Row("name", p.Name)
	tab.Row("type", p.Type)
	tab.Row("client id", render.OrDash(p.Config.ClientID))
	resource.UnsupportedRows(tab, p.Unsupported, storedOnly)
	for _, f := range []struct{ name, value string }{
		{"issuer", p.Config.Issuer},
		{"log in at", p.Config.AuthURL},
		{"scopes", strings.Join(p.Config.Scopes, " ")},
		{"claims", strings.Join(p.Config.Claims, " ")},
	} {
		if f.value != "" {
			tab.Row(f.name, f.value)
		}
	}
}

// storedOnly explains the unsupported settings of an application or a provider.
const storedOnly = "stored, not served"

// idpSettings are the flags of a provider that create and edit share.
type idpSettings struct {
	Issuer     string   `env:"-" help:"Issuer. Endpoints that are not given are discovered from it." placeholder:"URL"`
	AuthURL    string   `name:"auth-url" env:"-" help:"Authorization endpoint." placeholder:"URL"`
	TokenURL   string   `name:"token-url" env:"-" help:"Token endpoint." placeholder:"URL"`
	CertsURL   string   `name:"certs-url" env:"-" help:"URL of the provider's public keys (JWKS)." placeholder:"URL"`
	Scope      []string `env:"-" help:"Scope to request. Default: openid, email and profile. Repeatable."`
	Claim      []string `env:"-" help:"Claim to copy into application tokens, for oidc rules. Repeatable."`
	EmailClaim string   `env:"-" help:"Claim with the e-mail address. Default: email." placeholder:"CLAIM"`
	Prompt     string   `env:"-" help:"Value of the prompt parameter, such as login." placeholder:"PROMPT"`
	NoPKCE     bool     `name:"no-pkce" env:"-" help:"Do not use PKCE, for a provider that rejects it."`
}

func (s *idpSettings) config() client.IdentityProviderConfig {
	c := client.IdentityProviderConfig{Issuer: s.Issuer, AuthURL: s.AuthURL, TokenURL: s.TokenURL, CertsURL: s.CertsURL,
		Scopes: s.Scope, Claims: s.Claim, EmailClaim: s.EmailClaim, Prompt: s.Prompt}
	if s.NoPKCE {
		c.PKCE = new(false)
	}
	return c
}

type idpCreate struct {
	Name     string `required:"" env:"-" help:"Name, shown to people who log in."`
	ClientID string `required:"" env:"-" help:"Client id that the provider assigned."`
	Public   bool   `env:"-" help:"Register as a public client, without a secret."`
	resource.SecretFile
	idpSettings
}

// Help returns the text that --help shows below the summary.
func (idpCreate) Help() string {
	return "Register TEAM-DOMAIN/cdn-cgi/access/callback as the redirect URL at the provider."
}

// Usage requires an issuer or every endpoint.
func (c idpCreate) Usage() error {
	if c.Issuer == "" && (c.AuthURL == "" || c.TokenURL == "" || c.CertsURL == "") {
		return cli.Usage("give --issuer, or --auth-url, --token-url and --certs-url")
	}
	return nil
}

// Body returns the provider of the flags. It asks for the secret, unless the flags have one.
func (c idpCreate) Body(ctx context.Context, t *cli.Terminal, _ *client.Client) (any, error) {
	config := c.config()
	config.ClientID = c.ClientID
	if !c.Public {
		var err error
		if config.ClientSecret, err = c.Secret(ctx, t); err != nil {
			return nil, err
		}
	}
	return client.IdentityProvider{Name: c.Name, Type: proto.TypeOIDC, Config: config}, nil
}

type idpEdit struct {
	Name      *string `env:"-" help:"New name."`
	ClientID  string  `env:"-" help:"New client id."`
	NewSecret bool    `env:"-" help:"Ask for a new secret, unless --client-secret-file is given."`
	resource.SecretFile
	idpSettings
}

// Edit sets the members of a provider for the given flags. It asks for a new secret if --new-secret is given.
func (c idpEdit) Edit(ctx context.Context, t *cli.Terminal, _ *client.Client, _ client.IdentityProvider,
	body map[string]any) (int, error) {
	changes := c.config()
	changes.ClientID = c.ClientID
	var err error
	if c.NewSecret || len(c.ClientSecretFile) > 0 {
		if changes.ClientSecret, err = c.Secret(ctx, t); err != nil {
			return 0, err
		}
	}
	edited := resource.Set(body, "name", c.Name)
	text, err := json.Marshal(changes)
	if err != nil || string(text) == "{}" {
		return edited, err
	}
	config := resource.Member(body, "config")
	return edited + 1, json.Unmarshal(text, &config)
}
