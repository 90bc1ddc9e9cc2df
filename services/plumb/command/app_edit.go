package command

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// gateSettings are what the gateway does for an application, beside deciding.
type gateSettings struct {
	Origin          *string  `env:"-" help:"URL that the gateway sends its requests on to; without it, the application is served elsewhere." placeholder:"URL"`
	SessionDuration *string  `env:"-" help:"How long who is let in stays so, such as 24h." placeholder:"DURATION"`
	TokenHeader     *string  `env:"-" help:"The one header that service credentials come in, as a JSON object, besides the two." placeholder:"HEADER"`
	Refuse401       *bool    `name:"refuse-401" env:"-" help:"Answer 401 where a Service Auth policy does not let in."`
	IDP             []string `name:"idp" env:"-" help:"Identity provider that people may log in at, by id or name; may be given again. Without it, all." placeholder:"PROVIDER"`
	AutoRedirect    *bool    `env:"-" help:"Send people to the one identity provider without asking."`
	SameSite        *string  `env:"-" help:"SameSite of the cookie: lax, strict or none." placeholder:"MODE"`
	PreflightBypass *bool    `env:"-" help:"Let the origin answer CORS preflight requests."`
	DenyMessage     *string  `env:"-" help:"What the page that refuses says." placeholder:"TEXT"`
	DenyURL         *string  `name:"deny-url" env:"-" help:"Where people are sent that are refused." placeholder:"URL"`
	ServiceDenyURL  *string  `name:"service-deny-url" env:"-" help:"Where those are sent that are refused for another reason than who they are." placeholder:"URL"`
}

// write puts those that are given into an application's body, and counts them.
func (s *gateSettings) write(ctx context.Context, cl *client.Client, body map[string]any) (int, error) {
	changed := set(body, "x_origin_url", s.Origin) + set(body, "session_duration", s.SessionDuration) +
		set(body, "read_service_tokens_from_header", s.TokenHeader) + set(body, "service_auth_401_redirect", s.Refuse401) +
		set(body, "auto_redirect_to_identity", s.AutoRedirect) + set(body, "same_site_cookie_attribute", s.SameSite) +
		set(body, "options_preflight_bypass", s.PreflightBypass) + set(body, "custom_deny_message", s.DenyMessage) +
		set(body, "custom_deny_url", s.DenyURL) + set(body, "custom_non_identity_deny_url", s.ServiceDenyURL)
	if len(s.IDP) == 0 {
		return changed, nil
	}
	ids := make([]string, 0, len(s.IDP))
	for _, name := range s.IDP {
		provider, err := cl.IdentityProviders.Find(ctx, name)
		if err != nil {
			return 0, err
		}
		ids = append(ids, provider.Value.ID)
	}
	body["allowed_idps"] = ids
	return changed + 1, nil
}

type appEdit struct {
	remote
	output
	appName
	NewName string   `name:"name" env:"-" help:"New name."`
	Domain  []string `env:"-" help:"What it protects now; may be given again."`
	Policy  []string `env:"-" help:"Policy that decides now, by id or name, in this order; may be given again."`
	gateSettings
}

// Run sends the whole application back with what changes: the control plane takes it as a whole.
func (c *appEdit) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.Applications.Current(ctx, c.Name)
	if err != nil {
		return err
	}
	body, err := writable(item.Raw)
	if err != nil {
		return err
	}
	changed, err := c.write(ctx, cl, body)
	if err != nil {
		return err
	}
	if c.NewName != "" {
		changed += set(body, "name", &c.NewName)
	}
	if len(c.Domain) > 0 {
		place(body, c.Domain)
		changed++
	}
	decide := make([]client.Policy, 0, len(item.Value.Policies))
	for _, p := range item.Value.Policies {
		decide = append(decide, client.Policy{ID: p.ID, Precedence: p.Precedence})
	}
	if len(c.Policy) > 0 {
		if decide, err = links(ctx, cl, c.Policy); err != nil {
			return err
		}
		changed++
	}
	body["policies"] = decide
	if changed == 0 {
		return inEditor(ctx, t, &c.output, cl.Applications, item, appFields)
	}
	if item, err = cl.Applications.Replace(ctx, item.Value.ID, item.Revision, body); err != nil {
		return err
	}
	return one(t, &c.output, item, appFields)
}

type appRevoke struct {
	remote
	appName
}

func (c *appRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	item, err := cl.Applications.Find(ctx, c.Name)
	if err != nil {
		return err
	}
	if err := cl.RevokeTokens(ctx, item.Value.ID); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.Out, "revoked the tokens of %s %s\n", item.Value.ID, clean(item.Value.Name))
	return err
}
