package apply

import (
	"maps"
	"slices"
	"strconv"

	"plumbline.dev/services/internal/ownedmember"
	"plumbline.dev/services/internal/policy"
	"plumbline.dev/services/plumb/client"
)

// specMembers lists the members of specs by place: a kind, or a kind and the path of an object or of a list of objects.
// The members of other places are not checked.
var specMembers = map[string][]string{
	string(client.KindZone):         {"x_host_suffixes"},
	string(client.KindTag):          {},
	string(client.KindServiceToken): {"duration", "enabled", "x_client_id", "x_client_secret"},
	string(client.KindIdentityProvider): {"type", "config", "scim_config", "saml_certificate_set_id",
		"restrict_to_account_members"},
	"identity_provider.config": {"claims", "client_id", "client_secret", "conditional_access_enabled", "directory_id",
		"email_claim_name",
		"prompt", "support_groups", "centrify_account", "centrify_app_id", "apps_domain", "auth_url", "certs_url",
		"pkce_enabled", "scopes", "token_url", "authorization_server_id", "okta_account", "onelogin_account", "ping_env_id",
		"attributes", "email_attribute_name", "enable_encryption", "header_attributes", "idp_public_certs", "issuer_url",
		"sign_request", "sso_target_url", "redirect_url", "restrict_to_account_members", "x_issuer", "api_token"},
	"identity_provider.scim_config": {"enabled", "identity_update_behavior", "scim_base_url", "seat_deprovision",
		"secret", "user_deprovision",
		"group_member_deprovision"},
	string(client.KindIntegration): {"type", "interval", "config", "x_paused", "x_concurrency"},
	"integration.config": {"api_url", "auth_url", "client_id", "client_secret", "customer_id", "client_key",
		"access_client_id",
		"access_client_secret"},
	string(client.KindCheck): {"type", "description", "schedule", "expiration", "match", "input",
		"x_mode", "x_recover_score", "x_grace", "x_breaker", "x_remediation"},
	"check.x_breaker": {"enabled", "share", "floor", "window", "max_hold"},
	"check.input": {"operating_system", "path", "exists", "sha256", "thumbprint", "id", "domain", "operator", "version",
		"os_distro_name",
		"os_distro_revision", "os_version_extra", "enabled", "checkDisks", "requireAll", "certificate_id", "cn",
		"check_private_key", "extended_key_usage", "locations", "subject_alternative_names", "update_window_days",
		"compliance_status", "connection_id", "last_seen", "os", "overall", "sensor_config", "state", "versionOperator",
		"auth_state", "countOperator", "issue_count", "eid_last_seen", "risk_level", "scoreOperator", "total_score",
		"active_threats", "infected", "is_active", "network_status",
		"operational_state", "score"},
	"check.match":            {"platform"},
	string(client.KindGroup): {"include", "exclude", "require", "is_default"},
	string(client.KindPolicy): {"decision", "include", "exclude", "require", "session_duration", "approval_required",
		"approval_groups", "purpose_justification_required", "purpose_justification_prompt", "isolation_required",
		"connection_rules", "mfa_config"},
	"policy.approval_groups": {"approvals_needed", "email_addresses", "email_list_uuid"},
	"policy.mfa_config":      {"allowed_authenticators", "mfa_disabled", "session_duration"},
	string(client.KindApplication): {"type", "domain", "self_hosted_domains", "destinations", "session_duration",
		"policies", "x_origin_url", "app_launcher_visible", "auto_redirect_to_identity", "allowed_idps",
		"allow_authenticate_via_warp", "allow_iframe", "enable_binding_cookie", "http_only_cookie_attribute",
		"path_cookie_attribute", "same_site_cookie_attribute", "options_preflight_bypass", "cors_headers",
		"skip_interstitial", "service_auth_401_redirect", "read_service_tokens_from_header",
		"logo_url", "custom_deny_message", "custom_deny_url", "custom_non_identity_deny_url", "custom_pages", "tags",
		"scim_config", "mfa_config", "oauth_configuration", "use_clientless_isolation_app_launcher_url", "saas_app",
		"target_criteria", "footer_links", "landing_page_design", "app_launcher_logo_url", "bg_color", "header_bg_color",
		"skip_app_launcher_login_page"},
	"application.destinations": {"type", "uri", "cidr", "hostname", "l4_protocol", "port_range", "vnet_id", "mcp_server_id", "worker_id"},
	"application.cors_headers": {"allow_all_headers", "allow_all_methods", "allow_all_origins", "allow_credentials",
		"allowed_headers",
		"allowed_methods", "allowed_origins", "max_age"},
	"application.mfa_config":  {"allowed_authenticators", "mfa_disabled", "session_duration"},
	"application.scim_config": {"idp_uid", "remote_uri", "authentication", "deactivate_on_delete", "enabled", "mappings"},
	string(client.KindOrganization): {"auth_domain", "deny_unmatched_requests", "session_duration",
		"user_seat_expiration_inactive_time", "warp_auth_session_duration", "deny_unmatched_requests_exempted_zone_names",
		"custom_pages", "login_design", "mfa_config", "mfa_ssh_piv_key_requirements", "allow_authenticate_via_warp",
		"auto_redirect_to_identity", "is_ui_read_only", "mfa_configuration_allowed", "mfa_required_for_all_apps",
		"ui_read_only_toggle_reason", "warp_auth_non_browser_401", "strict_service_token_auth", "service_token_inactivity",
		"x_breaker"},
	"organization.x_breaker":                {"enabled", "share", "floor", "window", "max_hold"},
	"organization.service_token_inactivity": {"enabled", "inactivity_threshold_days", "action"},
}

// selectors holds the members of a rule's body, by the name of its selector.
var selectors = func() map[string][]string {
	all := map[string][]string{}
	for _, s := range policy.Selectors() {
		all[s.Name] = slices.Concat(s.Members, s.Optional)
	}
	return all
}()

// Member is an unknown member of a spec.
type Member struct {
	Path  string   // such as input.scroe
	Value any      // its value
	Among []string // the known members of the same place
	in    map[string]any
	name  string
}

// Remove removes the member from its spec.
func (m Member) Remove() { delete(m.in, m.name) }

// Unknown returns the members of a spec that a kind does not have, in the order of their paths. Members that only the
// control plane writes are ignored.
func Unknown(k client.Kind, spec map[string]any) []Member {
	return unknownIn(string(k), "", spec)
}

func unknownIn(place, path string, o map[string]any) []Member {
	names, checked := specMembers[place]
	if !checked {
		return nil
	}
	var all []Member
	for _, name := range slices.Sorted(maps.Keys(o)) {
		here := join(path, name)
		switch {
		case path == "" && slices.Contains(ownedmember.All(), name), path == "" && name == "name":
		case !slices.Contains(names, name):
			all = append(all, Member{Path: here, Value: o[name], Among: names, in: o, name: name})
		case slices.Contains(ruleLists, name):
			all = append(all, unknownRules(here, o[name])...)
		case place == string(client.KindApplication) && name == "policies":
			all = append(all, unknownPolicies(here, o[name])...)
		default:
			all = append(all, unknownBelow(place+"."+name, here, o[name])...)
		}
	}
	return all
}

func unknownBelow(place, path string, v any) (all []Member) {
	switch v := v.(type) {
	case map[string]any:
		return unknownIn(place, path, v)
	case []any:
		for n, one := range v {
			if o, ok := one.(map[string]any); ok {
				all = append(all, unknownIn(place, item(path, n), o)...)
			}
		}
	}
	return all
}

var ruleLists = []string{"include", "exclude", "require"}

func unknownRules(path string, v any) (all []Member) {
	list, _ := v.([]any)
	for n, rule := range list {
		o, _ := rule.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(o)) {
			here := join(item(path, n), name)
			names, there := selectors[name]
			if !there {
				all = append(all, Member{Path: here, Value: o[name], Among: slices.Sorted(maps.Keys(selectors)), in: o, name: name})
				continue
			}
			body, _ := o[name].(map[string]any)
			for _, member := range slices.Sorted(maps.Keys(body)) {
				if !slices.Contains(names, member) {
					all = append(all, Member{Path: join(here, member), Value: body[member], Among: names, in: body, name: member})
				}
			}
		}
	}
	return all
}

// unknownPolicies checks the policies of an application. A reference to a policy has an id and a precedence.
func unknownPolicies(path string, v any) (all []Member) {
	list, _ := v.([]any)
	for n, one := range list {
		o, ok := one.(map[string]any)
		if !ok {
			continue
		}
		for _, m := range unknownIn(string(client.KindPolicy), item(path, n), o) {
			here := m.Path == join(item(path, n), m.name)
			if !here || !slices.Contains(ownedmember.All(), m.name) && m.name != "name" && m.name != "precedence" {
				all = append(all, m)
			}
		}
	}
	return all
}

func item(path string, n int) string { return path + "[" + strconv.Itoa(n) + "]" }
