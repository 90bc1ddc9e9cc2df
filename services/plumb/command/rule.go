package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// rules are the flags that say whom a policy or a group is about.
type rules struct {
	Include []string `env:"-" sep:"none" help:"Rule of which one must be met, SELECTOR=VALUE as listed above; may be given again." placeholder:"RULE"`
	Require []string `env:"-" sep:"none" help:"Rule that must be met." placeholder:"RULE"`
	Exclude []string `env:"-" sep:"none" help:"Rule that must not be met." placeholder:"RULE"`
}

// ruleHelp returns the explanation of RULE for the help of the commands that take one.
func ruleHelp() string {
	var forms []string
	for _, s := range policy.Selectors() {
		switch {
		case s.Evaluated() && s.Usage != "":
			forms = append(forms, s.Name+"="+s.Usage)
		case s.Evaluated():
			forms = append(forms, s.Name)
		}
	}
	return "Rules, where NAME, CHECK and PROVIDER are an id or a name: " + strings.Join(forms, ", ") + "."
}

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

// finders look up the id of a resource that a rule refers to, by its id or name.
var finders = map[policy.Resource]func(context.Context, *client.Client, string) (string, error){
	policy.CheckResource:        finder(func(cl *client.Client) client.Collection[client.Check] { return cl.Checks }),
	policy.GroupResource:        finder(func(cl *client.Client) client.Collection[client.Group] { return cl.Groups }),
	policy.ProviderResource:     finder(func(cl *client.Client) client.Collection[client.IdentityProvider] { return cl.IdentityProviders }),
	policy.ServiceTokenResource: finder(func(cl *client.Client) client.Collection[client.ServiceToken] { return cl.ServiceTokens }),
}

func finder[T client.Named](of func(*client.Client) client.Collection[T]) func(context.Context, *client.Client, string) (string, error) {
	return func(ctx context.Context, cl *client.Client, name string) (string, error) {
		item, err := of(cl).Find(ctx, name)
		if err != nil {
			return "", err
		}
		return item.Value.ResourceID(), nil
	}
}

// parseRule returns the rule object of a flag, SELECTOR or SELECTOR=VALUE.
func parseRule(ctx context.Context, cl *client.Client, text string) (client.Rule, error) {
	name, value, valued := strings.Cut(text, "=")
	s, ok := policy.FindSelector(name)
	if !ok || !s.Evaluated() {
		var names []string
		for _, s := range policy.Selectors() {
			if s.Evaluated() {
				names = append(names, s.Name)
			}
		}
		return nil, cli.Usage("%q is not a rule: a selector is one of %s", text, strings.Join(names, ", "))
	}
	if valued && value == "" {
		return nil, cli.Usage("rule %q: the value after = is empty", text)
	}
	body, err := ruleBody(ctx, cl, s, value)
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", text, err)
	}
	return client.Rule{name: body}, nil
}

func ruleBody(ctx context.Context, cl *client.Client, s *policy.Selector, value string) (map[string]any, error) {
	switch {
	case s.Name == "oidc":
		return claim(ctx, cl, value)
	case s.Name == "external_evaluation":
		return evaluation(value)
	case len(s.Members) == 0 && value != "":
		return nil, cli.Usage("this selector takes no value")
	case len(s.Members) == 0:
		return map[string]any{}, nil
	case value == "":
		return nil, cli.Usage("a value is required: %s=%s", s.Name, s.Usage)
	}
	if find := finders[s.Refs[s.Value]]; find != nil {
		id, err := find(ctx, cl, value)
		if err != nil {
			return nil, err
		}
		value = id
	}
	return map[string]any{s.Value: value}, nil
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

func evaluation(value string) (map[string]any, error) {
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
