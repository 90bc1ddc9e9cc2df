package command

import (
	"context"
	"encoding/json"
	"strings"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

type idpCmd struct {
	List   idpList   `cmd:"" help:"List all."`
	Create idpCreate `cmd:"" help:"Create one; register TEAM-DOMAIN/cdn-cgi/access/callback there."`
	Show   idpShow   `cmd:"" aliases:"get" help:"Show one, without its secret."`
	Edit   idpEdit   `cmd:"" help:"Change one; what is not given stays, the secret too."`
	Delete idpDelete `cmd:"" help:"Delete one."`
}

type idpName struct {
	Provider string `arg:"" help:"Id or name."`
}

// idpSettings are the flags of a provider that create and edit share.
type idpSettings struct {
	Issuer     string   `env:"-" help:"Issuer; the endpoints that are not given are discovered from it." placeholder:"URL"`
	AuthURL    string   `name:"auth-url" env:"-" help:"Where people log in." placeholder:"URL"`
	TokenURL   string   `name:"token-url" env:"-" help:"Where codes are exchanged for tokens." placeholder:"URL"`
	CertsURL   string   `name:"certs-url" env:"-" help:"The provider's public keys." placeholder:"URL"`
	Scope      []string `env:"-" help:"Scope to ask for, in place of openid, email and profile; may be given again."`
	Claim      []string `env:"-" help:"Claim that application tokens carry on, and oidc rules look at; may be given again."`
	EmailClaim string   `env:"-" help:"Claim that holds the e-mail address, in place of email." placeholder:"CLAIM"`
	Prompt     string   `env:"-" help:"The prompt parameter, such as login." placeholder:"PROMPT"`
	NoPKCE     bool     `name:"no-pkce" env:"-" help:"Leave out PKCE, for a provider that refuses it."`
}

func (s *idpSettings) config() client.IdentityProviderConfig {
	c := client.IdentityProviderConfig{Issuer: s.Issuer, AuthURL: s.AuthURL, TokenURL: s.TokenURL, CertsURL: s.CertsURL,
		Scopes: s.Scope, Claims: s.Claim, EmailClaim: s.EmailClaim, Prompt: s.Prompt}
	if s.NoPKCE {
		c.PKCE = new(false)
	}
	return c
}

type idpList struct {
	remote
	reading
}

func (c *idpList) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return list(ctx, t, &c.reading, cl.IdentityProviders, func(tab *table, p client.IdentityProvider) {
		tab.row(p.ID, p.Name, p.Type, orDash(p.Config.Issuer), supportState(p.Type == proto.TypeOIDC, p.Unsupported))
	}, "ID", "NAME", "TYPE", "ISSUER", "STATE")
}

func idpFields(tab *table, p client.IdentityProvider) {
	tab.row("id", p.ID)
	tab.row("name", p.Name)
	tab.row("type", p.Type)
	tab.row("client id", orDash(p.Config.ClientID))
	unsupportedRows(tab, p.Unsupported, "kept, not served")
	for _, f := range []struct{ name, value string }{{"issuer", p.Config.Issuer}, {"log in at", p.Config.AuthURL},
		{"scopes", strings.Join(p.Config.Scopes, " ")}, {"claims", strings.Join(p.Config.Claims, " ")}} {
		if f.value != "" {
			tab.row(f.name, f.value)
		}
	}
}

type idpCreate struct {
	remote
	output
	Name     string `required:"" env:"-" help:"Name, which people who log in see."`
	ClientID string `required:"" env:"-" help:"Our client id there."`
	Public   bool   `env:"-" help:"The provider knows us as a public client: there is no secret."`
	secretFile
	idpSettings
}

func (c *idpCreate) Run(ctx context.Context, t *cli.Terminal) error {
	if c.Issuer == "" && (c.AuthURL == "" || c.TokenURL == "" || c.CertsURL == "") {
		return cli.Usage("give --issuer, or --auth-url, --token-url and --certs-url")
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	config := c.config()
	config.ClientID = c.ClientID
	if !c.Public {
		if config.ClientSecret, err = c.secret(ctx, t); err != nil {
			return err
		}
	}
	item, err := cl.IdentityProviders.Create(ctx, client.IdentityProvider{Name: c.Name, Type: proto.TypeOIDC, Config: config})
	if err != nil {
		return err
	}
	return one(t, &c.output, item, idpFields)
}

type idpShow struct {
	remote
	reading
	idpName
}

func (c *idpShow) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return get(ctx, t, &c.reading, cl.IdentityProviders, c.Provider, idpFields)
}

type idpEdit struct {
	remote
	output
	idpName
	Name      *string `env:"-" help:"New name."`
	ClientID  string  `env:"-" help:"New client id."`
	NewSecret bool    `env:"-" help:"Ask for a new secret, where --client-secret-file gives none."`
	secretFile
	idpSettings
}

// Run sends the whole provider back with what changes: the control plane takes it as a whole.
func (c *idpEdit) Run(ctx context.Context, t *cli.Terminal) error {
	changes := c.config()
	changes.ClientID = c.ClientID
	var err error
	if c.NewSecret || len(c.ClientSecretFile) > 0 {
		if changes.ClientSecret, err = c.secret(ctx, t); err != nil {
			return err
		}
	}
	text, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	nothing := string(text) == "{}" && c.Name == nil
	if nothing && !canEdit(t) {
		return errNothing
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.IdentityProviders.Current(ctx, c.Provider)
	if err != nil {
		return err
	}
	if nothing {
		return inEditor(ctx, t, &c.output, cl.IdentityProviders, item, idpFields)
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	set(body, "name", c.Name)
	config, _ := body["config"].(map[string]any)
	if config == nil {
		config = map[string]any{}
	}
	delete(config, "client_secret") // what an answer has in its place is none
	if err := json.Unmarshal(text, &config); err != nil {
		return err
	}
	body["config"] = config
	if item, err = cl.IdentityProviders.Replace(ctx, item.Value.ID, item.Revision, body); err != nil {
		return err
	}
	return one(t, &c.output, item, idpFields)
}

type idpDelete struct {
	remote
	confirmation
	idpName
}

func (c *idpDelete) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	return remove(ctx, t, &c.confirmation, cl.IdentityProviders, c.Provider)
}
