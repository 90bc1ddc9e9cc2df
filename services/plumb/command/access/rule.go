package access

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"plumbline.dev/services/internal/cli"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
	"plumbline.dev/services/plumb/command/render"
	"plumbline.dev/services/plumb/command/resource"
)

// rules are the flags for the rules of a policy or a group.
type rules struct {
	Include []string `env:"-" sep:"none" help:"Rule; at least one must match. Repeatable." placeholder:"RULE"`
	Require []string `env:"-" sep:"none" help:"Rule that must match. Repeatable." placeholder:"RULE"`
	Exclude []string `env:"-" sep:"none" help:"Rule that must not match. Repeatable." placeholder:"RULE"`
}

// ruleHelp returns the explanation of RULE for --help.
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
	return "A rule is one of: " + strings.Join(forms, ", ") + ". NAME, CHECK and PROVIDER are ids or names."
}

// replaceHelp follows ruleHelp in the help of edit commands.
const replaceHelp = " Each of --include, --require and --exclude replaces all rules of its list."

// resolved returns the rule objects of the flags, with ids in place of names.
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

// replaceIn replaces the rule lists of an object for which flags were given, and returns their number.
func (r *rules) replaceIn(ctx context.Context, cl *client.Client, body map[string]any) (changed int, err error) {
	include, require, exclude, err := r.resolved(ctx, cl)
	lists := map[string][]client.Rule{"include": include, "require": require, "exclude": exclude}
	return resource.SetAll(body, lists), err
}

// findID returns the id of a resource by its id or name.
type findID func(ctx context.Context, cl *client.Client, name string) (string, error)

var referenced = map[policy.Resource]findID{
	policy.CheckResource:        findIn(func(cl *client.Client) client.Collection[client.Check] { return cl.Checks }),
	policy.GroupResource:        findIn(groups.Collection),
	policy.ProviderResource:     findIn(providers.Collection),
	policy.ServiceTokenResource: findIn(serviceTokens.Collection),
}

func findIn[T client.Named](collection func(*client.Client) client.Collection[T]) findID {
	return func(ctx context.Context, cl *client.Client, name string) (string, error) {
		return resource.ID(ctx, collection(cl), name)
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
		return nil, cli.Usage("rule %q: unknown selector, must be one of %s", text, strings.Join(names, ", "))
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
		return claimBody(ctx, cl, value)
	case s.Name == "external_evaluation":
		return evaluationBody(value)
	case len(s.Members) == 0 && value != "":
		return nil, cli.Usage("this selector takes no value")
	case len(s.Members) == 0:
		return map[string]any{}, nil
	case value == "":
		return nil, cli.Usage("a value is required: %s=%s", s.Name, s.Usage)
	}
	if find := referenced[s.Refs[s.Value]]; find != nil {
		id, err := find(ctx, cl, value)
		if err != nil {
			return nil, err
		}
		value = id
	}
	return map[string]any{s.Value: value}, nil
}

func claimBody(ctx context.Context, cl *client.Client, value string) (map[string]any, error) {
	provider, rest, _ := strings.Cut(value, ",")
	name, wanted, ok := strings.Cut(rest, "=")
	if !ok || name == "" {
		return nil, cli.Usage("must be oidc=PROVIDER,CLAIM=VALUE")
	}
	id, err := resource.ID(ctx, cl.IdentityProviders, provider)
	return map[string]any{"identity_provider_id": id, "claim_name": name, "claim_value": wanted}, err
}

func evaluationBody(value string) (map[string]any, error) {
	url, keys, ok := strings.Cut(value, ",")
	if !ok || url == "" || keys == "" {
		return nil, cli.Usage("must be external_evaluation=URL,KEYS-URL")
	}
	return map[string]any{"evaluate_url": url, "keys_url": keys}, nil
}

// ruleRows adds one row to a table for each rule of a list.
func ruleRows(tab *render.Table, list string, all []client.Rule) {
	for _, r := range all {
		for name, body := range r {
			text := name
			members, _ := body.(map[string]any)
			for _, k := range slices.Sorted(maps.Keys(members)) {
				text += fmt.Sprintf(" %s=%v", k, members[k])
			}
			tab.Row(list, text)
		}
	}
}
