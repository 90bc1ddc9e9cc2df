package cloudflare

import (
	"fmt"
	"maps"
	"slices"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
)

// blocks lists the members with one object, written as a list of one by version 4 of the provider.
var blocks = []string{"input", "config", "cors_headers", "saas_app", "scim_config", "landing_page_design",
	"connection_rules", "ssh", "rdp", "mfa_config", "oauth_configuration", "authentication", "operations", "locations",
	"source", "refresh_token_options", "hybrid_and_implicit_options"}

// theirs lists members of Terraform, and members written by Cloudflare only.
var theirs = map[client.Kind][]string{
	client.KindServiceToken:     {"min_days_for_renewal", "client_secret"},
	client.KindApplication:      {"domain_type"},
	client.KindIdentityProvider: {"read_only", "saml_certificate_set", "saml_certificate_set_id"},
	client.KindCheck:            {"enabled"},
}

// renamed lists the members with another name in the API, by kind and place.
var renamed = map[client.Kind]map[string]map[string]string{
	client.KindCheck: {"input": {"check_disks": "checkDisks", "require_all": "requireAll",
		"version_operator": "versionOperator", "count_operator": "countOperator", "score_operator": "scoreOperator"}},
	client.KindPolicy:           {"": {"approval_group": "approval_groups"}},
	client.KindApplication:      {"saas_app": {"custom_attribute": "custom_attributes", "custom_claim": "custom_claims"}},
	client.KindIdentityProvider: {"config": {"idp_public_cert": "idp_public_certs"}},
}

// normalise converts the attributes of a resource to the form of the API: without nulls, with objects in place of lists
// of one, with an object for each rule, and without unknown members. It returns the parts left out; fatal reports that
// the resource has another meaning without them.
func normalise(k client.Kind, o map[string]any) (problems []string, fatal bool) {
	rules := map[string]any{}
	for _, part := range []string{"include", "exclude", "require"} {
		rules[part] = o[part]
		delete(o, part)
	}
	apply.DropNull(o)
	unblock(k, o)
	for _, name := range theirs[k] {
		delete(o, name)
	}
	for where, names := range renamed[k] {
		in := o
		if where != "" {
			in, _ = o[where].(map[string]any)
		}
		rename(in, names)
	}
	if cert, ok := in(o, "config")["idp_public_certs"].(string); ok {
		in(o, "config")["idp_public_certs"] = []any{cert}
	}
	switch k {
	case client.KindGroup, client.KindPolicy:
		maps.Copy(o, rules)
		problems = normaliseRules(o)
		fatal = len(problems) > 0
	case client.KindApplication:
		problems, fatal = normaliseOwn(o)
	}
	for _, m := range apply.Unknown(k, o) {
		if k == client.KindPolicy && m.Path == "precedence" {
			continue // of a policy that belongs to an application
		}
		if !isZero(m.Value) {
			problems = append(problems, m.Path+": the member is not known")
		}
		m.Remove()
	}
	return problems, fatal
}

// in returns an object member, or nil.
func in(o map[string]any, name string) map[string]any {
	inner, _ := o[name].(map[string]any)
	return inner
}

// normaliseOwn converts the inline policies of an application, as version 5 writes them.
func normaliseOwn(o map[string]any) (problems []string, fatal bool) {
	policies, _ := o["policies"].([]any)
	for n, p := range policies {
		own, ok := p.(map[string]any)
		if !ok || own["reusable"] == true || own["include"] == nil && own["exclude"] == nil && own["require"] == nil {
			continue
		}
		rename(own, renamed[client.KindPolicy][""])
		for _, problem := range normaliseRules(own) {
			problems, fatal = append(problems, fmt.Sprintf("policies[%d].%s", n, problem)), true
		}
	}
	return problems, fatal
}

// unblock replaces lists of one by objects. It removes their empty members: version 4 of the provider writes every
// member of a block.
func unblock(k client.Kind, o map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(o)) {
		list, isList := o[name].([]any)
		if isList && len(list) <= 1 && slices.Contains(blocks, name) {
			delete(o, name)
			if block, ok := first(list); ok {
				dropZero(k, name, block)
				o[name] = block
			}
		}
		switch v := o[name].(type) {
		case map[string]any:
			unblock(k, v)
		case []any:
			for _, one := range v {
				if inner, ok := one.(map[string]any); ok {
					unblock(k, inner)
				}
			}
		}
	}
}

func first(list []any) (map[string]any, bool) {
	if len(list) == 0 {
		return nil, false
	}
	o, ok := list[0].(map[string]any)
	return o, ok
}

// dropZero removes the empty members of a block. A score of 0 is kept.
func dropZero(k client.Kind, name string, block map[string]any) {
	for member, v := range block {
		scored := k == client.KindCheck && name == "input" && member == "score" && block["operator"] != ""
		if isZero(v) && !scored {
			delete(block, member)
		}
	}
}

func rename(o map[string]any, names map[string]string) {
	for from, to := range names {
		v, there := o[from]
		if !there {
			continue
		}
		delete(o, from)
		if isZero(o[to]) {
			o[to] = v
		}
	}
}
