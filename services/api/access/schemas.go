package access

import (
	"plumbline.dev/services/api/openapi"
	"plumbline.dev/services/internal/policy"
)

// Members that are stored and returned, and have no other effect, unless x_unsupported lists them.
var (
	keptOfApplications = []string{"allow_authenticate_via_warp", "allow_iframe", "app_launcher_visible", "custom_pages",
		"logo_url", "mfa_config", "oauth_configuration", "scim_config", "skip_interstitial",
		"use_clientless_isolation_app_launcher_url"}
	keptOfPolicies = []string{"approval_groups", "approval_required", "connection_rules", "isolation_required",
		"mfa_config", "purpose_justification_prompt", "purpose_justification_required"}
)

// Resources that are stored as sent may have members beside those that the schemas list.

// ruleSchemas returns the schemas of rules, groups and policies.
func ruleSchemas() openapi.Members {
	var ways []openapi.Schema
	for _, selector := range policy.Selectors() {
		if selector.Unchecked {
			continue
		}
		needed := openapi.Members{}
		for _, member := range selector.Members {
			needed[member] = openapi.Text()
		}
		ways = append(ways, openapi.Closed(openapi.Members{selector.Name: openapi.Object(needed)}))
	}
	rules := openapi.Members{"include": openapi.List(openapi.Ref("Rule")), "exclude": openapi.List(openapi.Ref("Rule")),
		"require": openapi.List(openapi.Ref("Rule"))}
	sent := rules.With(openapi.Members{"name": openapi.Text()})
	timed := openapi.Members{"id": openapi.UUID(), "x_unsupported": openapi.Unsupported,
		"created_at": openapi.Time().OrNull(), "updated_at": openapi.Time().OrNull()}
	policy := openapi.Echoed(policyMembers).Kept(keptOfPolicies...).With(openapi.Members{"name": openapi.Text(),
		"decision": openapi.Enum(decisions...), "precedence": openapi.Between(1, maxPrecedence)})
	for name, s := range sent {
		if name == "exclude" || name == "require" {
			sent[name] = s.OrNull()
		}
	}
	return openapi.Members{
		"Rule": openapi.Schema{"type": "object",
			"minProperties": 1}.Describe("One selector with its value. Null members count as absent.").With("examples",
			examples(ways)),
		"GroupBody": openapi.Object(sent.With(openapi.Members{"is_default": openapi.Bool().OrNull()}), "name", "include"),
		"Group": openapi.Object(rules.With(timed).With(openapi.Members{"name": openapi.Text(), "uid": openapi.UUID(),
			"is_default": openapi.Bool().OrNull()}),
			"id", "uid", "name", "include", "exclude", "require", "created_at", "updated_at"),
		"PolicyBody": openapi.Object(policy.With(sent).With(openapi.Members{"id": openapi.Text()})),
		"Policy": openapi.Object(policy.With(rules).With(timed).With(openapi.Members{"reusable": openapi.Bool(),
			"app_count": openapi.Integer()}),
			"id", "name", "decision", "include", "exclude", "require", "reusable", "created_at", "updated_at"),
	}
}

// examples returns a minimal object for each closed schema.
func examples(of []openapi.Schema) []any {
	var all []any
	for _, s := range of {
		for name, inner := range s["properties"].(openapi.Members) {
			in := map[string]any{}
			if m, ok := inner["properties"].(openapi.Members); ok {
				for member := range m {
					in[member] = "..."
				}
			}
			all = append(all, map[string]any{name: in})
		}
	}
	return all
}

func applicationSchemas() openapi.Members {
	sent := openapi.Echoed(applicationMembers).Kept(keptOfApplications...).With(openapi.Members{
		"name": openapi.Text().OrNull(), "type": openapi.Enum(applicationTypes...),
		"session_duration": openapi.Duration().OrNull(),
		"x_origin_url":     openapi.Text().Describe("URL that admitted requests are proxied to.").OrNull(),
		"domain":           openapi.Text().OrNull(), "self_hosted_domains": openapi.List(openapi.Text()).OrNull(),
		"destinations": openapi.List(openapi.Object(openapi.Members{"type": openapi.Text(),
			"uri": openapi.Text()})).OrNull(),
	})
	return openapi.Members{
		"ApplicationBody": openapi.Object(sent.With(openapi.Members{
			"type": openapi.Enum(applicationTypes...).OrNull(),
			"policies": openapi.List(openapi.AnyOf(openapi.Text().Describe("Id of a reusable policy."),
				openapi.Ref("PolicyBody"))).OrNull(),
		})),
		"Application": openapi.Object(sent.With(openapi.Members{
			"id": openapi.UUID(), "uid": openapi.UUID(), "aud": openapi.Schema{"type": "string", "pattern": "^[0-9a-f]{64}$"},
			"policies":      openapi.List(openapi.Ref("Policy")),
			"x_unsupported": openapi.Unsupported, "created_at": openapi.Time().OrNull(), "updated_at": openapi.Time().OrNull(),
		}), "id", "uid", "aud", "type", "policies", "created_at", "updated_at"),
		"ApplicationSettings": openapi.Object(openapi.Members{"allow_iframe": openapi.Bool().OrNull(),
			"skip_interstitial": openapi.Bool().OrNull()}),
	}
}
