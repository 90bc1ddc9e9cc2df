package api

import (
	"maps"
	"slices"

	"plumbline.dev/proto"
	"plumbline.dev/services/internal/policy"
)

// What has the same shape in several places. Resources that are echoed may have members beside those that are
// named here: what was sent.

func components() members {
	all := members{
		"Notice":      of[notice](),
		"ResultInfo":  of[resultInfo](),
		"Refusal":     exactly(members{"success": {"const": false}, "errors": {"type": "array", "items": an("Notice"), "minItems": 1}, "messages": listOf(an("Notice")), "result": {"type": "null"}}),
		"Tag":         of[tagView](),
		"Integration": of[integrationView]().says("config is without its secret"),
	}
	for _, some := range []members{ruleSchemas(), applicationSchemas(), providerSchemas(), tokenSchemas(), postureSchemas()} {
		maps.Copy(all, some)
	}
	return all
}

var unsupportedMember = listOf(aText()).says("what of it this build keeps and does not do")

func ruleSchemas() members {
	var ways []schema
	for _, selector := range policy.Selectors() {
		if selector.Unchecked {
			continue
		}
		needed := members{}
		for _, member := range selector.Members {
			needed[member] = aText()
		}
		ways = append(ways, exactly(members{selector.Name: anObject(needed)}))
	}
	rules := members{"include": listOf(an("Rule")), "exclude": listOf(an("Rule")), "require": listOf(an("Rule"))}
	sent := rules.with(members{"name": aText()})
	timed := members{"id": aUUID(), "x_unsupported": unsupportedMember, "created_at": aMoment().orNull(), "updated_at": aMoment().orNull()}
	policy := kept(policyMembers).with(members{"name": aText(), "decision": oneOfTexts(decisions...), "precedence": between(1, maxPrecedence)})
	for name, s := range sent {
		if name == "exclude" || name == "require" {
			sent[name] = s.orNull()
		}
	}
	return members{
		"Rule":      schema{"type": "object", "minProperties": 1}.says("one selector, with what it selects; members that are null count as absent").with("examples", examples(ways)),
		"GroupBody": anObject(sent.with(members{"is_default": aFlag().orNull()}), "name", "include"),
		"Group": anObject(rules.with(timed).with(members{"name": aText(), "uid": aUUID(), "is_default": aFlag().orNull()}),
			"id", "uid", "name", "include", "exclude", "require", "created_at", "updated_at"),
		"PolicyBody": anObject(policy.with(sent).with(members{"id": aText()})),
		"Policy": anObject(policy.with(rules).with(timed).with(members{"reusable": aFlag(), "app_count": aWhole()}),
			"id", "name", "decision", "include", "exclude", "require", "reusable", "created_at", "updated_at"),
	}
}

// with has a keyword, too.
func (s schema) with(keyword string, value any) schema {
	s = maps.Clone(s)
	s[keyword] = value
	return s
}

// examples are the smallest objects of some closed forms.
func examples(of []schema) []any {
	var all []any
	for _, s := range of {
		for name, inner := range s["properties"].(members) {
			in := map[string]any{}
			if m, ok := inner["properties"].(members); ok {
				for member := range m {
					in[member] = "..."
				}
			}
			all = append(all, map[string]any{name: in})
		}
	}
	return all
}

func applicationSchemas() members {
	sent := kept(applicationMembers).with(members{
		"name": aText().orNull(), "type": oneOfTexts(applicationTypes...), "session_duration": aDuration().orNull(),
		"x_origin_url": aText().says("where the gateway sends the requests that it admits").orNull(),
		"domain":       aText().orNull(), "self_hosted_domains": listOf(aText()).orNull(), "destinations": listOf(anObject(members{"type": aText(), "uri": aText()})).orNull(),
	})
	return members{
		"ApplicationBody": anObject(sent.with(members{
			"type":     oneOfTexts(applicationTypes...).orNull(),
			"policies": listOf(anyOf(aText().says("the id of a reusable policy"), an("PolicyBody"))).orNull(),
		})),
		"Application": anObject(sent.with(members{
			"id": aUUID(), "uid": aUUID(), "aud": schema{"type": "string", "pattern": "^[0-9a-f]{64}$"}, "policies": listOf(an("Policy")),
			"x_unsupported": unsupportedMember, "created_at": aMoment().orNull(), "updated_at": aMoment().orNull(),
		}), "id", "uid", "aud", "type", "policies", "created_at", "updated_at"),
		"ApplicationSettings": anObject(members{"allow_iframe": aFlag().orNull(), "skip_interstitial": aFlag().orNull()}),
	}
}

func providerSchemas() members {
	config := anObject(kept(providerConfig))
	sent := members{"name": aText().orNull(), "type": oneOfTexts(providerTypes...), "config": config.orNull(), "scim_config": anObject(nil).orNull()}
	org := kept(organizationMembers).with(members{
		"name": aText().orNull(), "session_duration": aDuration().orNull(), strictMember: aFlag(),
		inactivityMember: anObject(members{"enabled": aFlag(), "inactivity_threshold_days": between(30, 365), "action": oneOfTexts("disable", "delete")}).orNull(),
	})
	return members{
		"IdentityProviderBody": anObject(sent, "type"),
		"IdentityProvider":     anObject(sent.with(members{"id": aUUID(), "x_unsupported": unsupportedMember}), "id", "type"),
		"OrganizationBody":     anObject(org.with(members{strictMember: aFlag().orNull()})),
		"Organization": anObject(org.with(members{"x_unsupported": unsupportedMember, "created_at": aMoment().orNull(), "updated_at": aMoment().orNull()}),
			strictMember, "created_at", "updated_at"),
	}
}

func tokenSchemas() members {
	groups := listOf(anObject(members{"id": aText()}, "id"))
	return members{
		"ServiceToken": of[serviceTokenView](),
		"ServiceTokenBody": anObject(members{
			"name": aText().orNull(), "duration": aText().says(`"8760h", or "forever"`).orNull(), "client_secret_version": aNumber().orNull(),
			graceMember: aMoment().orNull(), "enabled": aFlag().orNull(), "client_id": aText().orNull(), "client_secret": aText().orNull(),
		}),
		"APITokenBody": anObject(members{
			"name": aText().orNull(), "status": oneOfTexts(statusActive, statusDisabled).orNull(), "not_before": aMoment().orNull(), "expires_on": aMoment().orNull(),
			"condition": anObject(members{"request_ip": anObject(members{"in": listOf(aText()).orNull(), "not_in": listOf(aText()).orNull()}).orNull()}).orNull(),
			"policies":  listOf(anObject(members{"effect": oneOfTexts(effectAllow, effectDeny), "permission_groups": groups, "resources": anObject(nil)})).orNull(),
			"x_email":   aText().says("the address beside which the token works as an API key").orNull(),
		}),
	}
}

func postureSchemas() members {
	config := members{"api_url": aText(), "access_client_id": aText(), "access_client_secret": aText()}
	integration := members{
		"name": aText().orNull(), "type": oneOfTexts(integrationTypes...).orNull(), "interval": aDuration().orNull(), "config": anObject(config).orNull(),
		"x_paused": aFlag().orNull(), "x_concurrency": between(1, proto.MaxConcurrency).orNull(),
	}
	check := members{
		"name": aText().orNull(), "type": oneOfTexts(ruleTypes...), "description": aText().orNull(), "schedule": aText().orNull(), "expiration": aText().orNull(),
		"match": listOf(anObject(members{"platform": aText().orNull()})).orNull(),
		"input": anObject(members{"connection_id": aText().orNull(), "operator": aText().orNull(), "score": aNumber().orNull()}).orNull(),
	}
	return members{
		"IntegrationBody":   anObject(integration, "name", "type", "interval", "config"),
		"IntegrationChange": anObject(integration),
		"CheckBody":         anObject(check, "type"),
		"Check":             anObject(check.with(members{"id": aUUID(), "x_unsupported": unsupportedMember}), "id", "type"),
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
