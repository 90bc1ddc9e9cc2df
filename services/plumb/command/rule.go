package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/plumb/client"
)

// rules are the flags that say whom a policy or a group is about.
type rules struct {
	Include []string `env:"-" sep:"none" help:"Rule of which one must be met, SELECTOR=VALUE as listed above; may be given again." placeholder:"RULE"`
	Require []string `env:"-" sep:"none" help:"Rule that must be met." placeholder:"RULE"`
	Exclude []string `env:"-" sep:"none" help:"Rule that must not be met." placeholder:"RULE"`
}

// ruleHelp explains RULE in the help of the commands that take one.
const ruleHelp = "Rules, where NAME is an id or a name: service_token=NAME, any_valid_service_token, device_posture=CHECK, " +
	"email=ADDRESS, email_domain=DOMAIN, everyone, ip=CIDR, group=NAME, certificate, common_name=NAME, login_method=PROVIDER, " +
	"oidc=PROVIDER,CLAIM=VALUE, auth_method=AMR, external_evaluation=URL,KEYS-URL."

// resolved are the rule objects of the flags.
func (r *rules) resolved(ctx context.Context, cl *client.Client) (include, require, exclude []client.Rule, err error) {
	for _, part := range []struct {
		from []string
		to   *[]client.Rule
	}{{r.Include, &include}, {r.Require, &require}, {r.Exclude, &exclude}} {
		for _, text := range part.from {
			rule, err := parseRule(ctx, cl, text)
			if err != nil {
				return nil, nil, nil, err
			}
			*part.to = append(*part.to, rule)
		}
	}
	return include, require, exclude, nil
}

// A selector makes the body of its rule object (contract.md 4.3) from what stands behind the = of a flag.
type selector func(ctx context.Context, cl *client.Client, value string) (map[string]any, error)

var selectors = map[string]selector{
	"service_token":           named("token_id", func(cl *client.Client) client.Collection[client.ServiceToken] { return cl.ServiceTokens }),
	"any_valid_service_token": bare,
	"device_posture":          named("integration_uid", func(cl *client.Client) client.Collection[client.Check] { return cl.Checks }),
	"email":                   plain("email"),
	"email_domain":            plain("domain"),
	"everyone":                bare,
	"ip":                      plain("ip"),
	"group":                   named("id", func(cl *client.Client) client.Collection[client.Group] { return cl.Groups }),
	"certificate":             bare,
	"common_name":             plain("common_name"),
	"login_method":            named("id", func(cl *client.Client) client.Collection[client.IdentityProvider] { return cl.IdentityProviders }),
	"oidc":                    claim,
	"auth_method":             plain("auth_method"),
	"external_evaluation":     evaluation,
}

func parseRule(ctx context.Context, cl *client.Client, text string) (client.Rule, error) {
	name, value, valued := strings.Cut(text, "=")
	s, ok := selectors[name]
	if !ok {
		names := make([]string, 0, len(selectors))
		for n := range selectors {
			names = append(names, n)
		}
		slices.Sort(names)
		return nil, cli.Usage("%q is no rule: a selector is one of %s", text, strings.Join(names, ", "))
	}
	if valued && value == "" {
		return nil, cli.Usage("rule %q: there is nothing behind the =", text)
	}
	body, err := s(ctx, cl, value)
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", text, err)
	}
	return client.Rule{name: body}, nil
}

func bare(_ context.Context, _ *client.Client, value string) (map[string]any, error) {
	if value != "" {
		return nil, cli.Usage("nothing is expected behind it")
	}
	return map[string]any{}, nil
}

func plain(member string) selector {
	return func(_ context.Context, _ *client.Client, value string) (map[string]any, error) {
		if value == "" {
			return nil, cli.Usage("a value is missing, as in selector=value")
		}
		return map[string]any{member: value}, nil
	}
}

func named[T client.Named](member string, of func(*client.Client) client.Collection[T]) selector {
	return func(ctx context.Context, cl *client.Client, value string) (map[string]any, error) {
		if value == "" {
			return nil, cli.Usage("an id or a name is missing, as in selector=name")
		}
		item, err := of(cl).Find(ctx, value)
		if err != nil {
			return nil, err
		}
		return map[string]any{member: item.Value.ResourceID()}, nil
	}
}

func claim(ctx context.Context, cl *client.Client, value string) (map[string]any, error) {
	provider, rest, _ := strings.Cut(value, ",")
	name, wanted, ok := strings.Cut(rest, "=")
	if !ok || name == "" {
		return nil, cli.Usage("oidc=PROVIDER,CLAIM=VALUE is expected")
	}
	item, err := cl.IdentityProviders.Find(ctx, provider)
	if err != nil {
		return nil, err
	}
	return map[string]any{"identity_provider_id": item.Value.ID, "claim_name": name, "claim_value": wanted}, nil
}

func evaluation(_ context.Context, _ *client.Client, value string) (map[string]any, error) {
	url, keys, ok := strings.Cut(value, ",")
	if !ok || url == "" || keys == "" {
		return nil, cli.Usage("external_evaluation=URL,KEYS-URL is expected")
	}
	return map[string]any{"evaluate_url": url, "keys_url": keys}, nil
}

// ruleRows show rules in a table, a line each.
func ruleRows(tab *table, part string, all []client.Rule) {
	for _, r := range all {
		for name, body := range r {
			text := name
			if members, ok := body.(map[string]any); ok {
				keys := make([]string, 0, len(members))
				for k := range members {
					keys = append(keys, k)
				}
				slices.Sort(keys)
				for _, k := range keys {
					text += fmt.Sprintf(" %s=%v", k, members[k])
				}
			}
			tab.row(part, text)
		}
	}
}
