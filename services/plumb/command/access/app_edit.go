package access

import (
	"context"
	"fmt"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/remote"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// gatewaySettings are the flags of an application that say how the gateway serves it.
type gatewaySettings struct {
	Origin          *string  `env:"-" help:"Origin that the gateway forwards requests to. Default: not forwarded." placeholder:"URL"`
	SessionDuration *string  `env:"-" help:"Session duration, such as 24h." placeholder:"DURATION"`
	TokenHeader     *string  `env:"-" help:"Additional header for service credentials, as a JSON object." placeholder:"HEADER"`
	Refuse401       *bool    `name:"refuse-401" env:"-" help:"Answer 401 when a Service Auth policy denies a request."`
	IDP             []string `name:"idp" env:"-" completes:"identity_provider" help:"Identity provider to offer, by id or name. Default: all. Repeatable." placeholder:"PROVIDER"`
	AutoRedirect    *bool    `env:"-" help:"Skip the choice of provider if there is only one."`
	SameSite        *string  `env:"-" help:"SameSite attribute of the cookie: lax, strict or none." placeholder:"MODE"`
	PreflightBypass *bool    `env:"-" help:"Forward CORS preflight requests to the origin."`
	DenyMessage     *string  `env:"-" help:"Message on the deny page." placeholder:"TEXT"`
	DenyURL         *string  `name:"deny-url" env:"-" help:"URL that denied users are redirected to." placeholder:"URL"`
	ServiceDenyURL  *string  `name:"service-deny-url" env:"-" help:"URL that requests denied for a reason other than identity are redirected to." placeholder:"URL"`
}

// write sets the members of an application for the given flags, and returns their number.
func (s *gatewaySettings) write(ctx context.Context, cl *client.Client, body map[string]any) (int, error) {
	changed := 0
	for name, value := range map[string]*string{
		"x_origin_url":                    s.Origin,
		"session_duration":                s.SessionDuration,
		"read_service_tokens_from_header": s.TokenHeader,
		"same_site_cookie_attribute":      s.SameSite,
		"custom_deny_message":             s.DenyMessage,
		"custom_deny_url":                 s.DenyURL,
		"custom_non_identity_deny_url":    s.ServiceDenyURL,
	} {
		changed += resource.Set(body, name, value)
	}
	for name, value := range map[string]*bool{
		"service_auth_401_redirect": s.Refuse401,
		"auto_redirect_to_identity": s.AutoRedirect,
		"options_preflight_bypass":  s.PreflightBypass,
	} {
		changed += resource.Set(body, name, value)
	}
	providerIDs, err := resource.IDs(ctx, cl.IdentityProviders, s.IDP)
	return changed + resource.SetAll(body, map[string][]string{"allowed_idps": providerIDs}), err
}

type appEdit struct {
	NewName *string  `name:"name" env:"-" help:"New name."`
	Domain  []string `env:"-" help:"New host, host:port or host/path to protect. Repeatable."`
	Policy  []string `env:"-" help:"New policy, by id or name. Repeatable, in order of evaluation."`
	gatewaySettings
}

// Edit sets the members of an application for the given flags.
func (c appEdit) Edit(ctx context.Context, _ *cli.Terminal, cl *client.Client, app client.Application,
	body map[string]any) (int, error) {
	changed, err := c.write(ctx, cl, body)
	if err != nil {
		return 0, err
	}
	changed += resource.Set(body, "name", c.NewName)
	if len(c.Domain) > 0 {
		setDomains(body, c.Domain)
		changed++
	}
	links := make([]client.Policy, 0, len(app.Policies))
	for _, p := range app.Policies {
		links = append(links, client.Policy{ID: p.ID, Precedence: p.Precedence})
	}
	if len(c.Policy) > 0 {
		links, err = policyLinks(ctx, cl, c.Policy)
		changed++
	}
	body["policies"] = links
	return changed, err
}

type appRevoke struct {
	remote.Flags
	appName
}

func (c *appRevoke) Run(ctx context.Context, t *cli.Terminal) error {
	cl, err := c.Client()
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
	_, err = fmt.Fprintf(t.Out, "revoked the tokens of %s %s\n", item.Value.ID, render.Clean(item.Value.Name))
	return err
}
