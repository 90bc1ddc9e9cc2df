package cloudflare

import (
	"fmt"
	"maps"
	"slices"

	"plumbline.dev/services/plumb/apply"
	"plumbline.dev/services/plumb/client"
)

// blocks are the members that hold one object, which version 4 of the provider writes as a list of one.
var blocks = []string{"input", "config", "cors_headers", "saas_app", "scim_config", "landing_page_design", "connection_rules", "ssh", "rdp",
	"mfa_config", "oauth_configuration", "authentication", "operations", "locations", "source", "refresh_token_options",
	"hybrid_and_implicit_options"}

// theirs are members that are nothing but Terraform's, or that only Cloudflare writes.
var theirs = map[client.Kind][]string{
	client.KindServiceToken:     {"min_days_for_renewal", "client_secret"},
	client.KindApplication:      {"domain_type"},
	client.KindIdentityProvider: {"read_only", "saml_certificate_set", "saml_certificate_set_id"},
	client.KindCheck:            {"enabled"},
}

// renamed are the members that the API calls by another name, by kind and where they stand.
var renamed = map[client.Kind]map[string]map[string]string{
	client.KindCheck: {"input": {"check_disks": "checkDisks", "require_all": "requireAll", "version_operator": "versionOperator",
		"count_operator": "countOperator", "score_operator": "scoreOperator"}},
	client.KindPolicy:           {"": {"approval_group": "approval_groups"}},
	client.KindApplication:      {"saas_app": {"custom_attribute": "custom_attributes", "custom_claim": "custom_claims"}},
	client.KindIdentityProvider: {"config": {"idp_public_cert": "idp_public_certs"}},
}

// normalise makes of the attributes of a resource what the API says of it: no nulls, no blocks as lists of one, a
// rule object for each rule, no member that the API does not have. It returns what is left out; fatal reports that
// the resource means something else without it.
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

// in is a member that is an object; nil: there is none.
func in(o map[string]any, name string) map[string]any {
	inner, _ := o[name].(map[string]any)
	return inner
}

// normaliseOwn brings the policies that version 5 writes into an application into the form of the API.
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

// unblock makes objects of lists of one. In these, what says nothing was never set: version 4 of the provider
// writes every member that there is.
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

// dropZero takes what says nothing out of a block. The score of a check says something, and a score of 0 as well.
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
